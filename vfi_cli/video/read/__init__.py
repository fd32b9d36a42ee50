"""From a source to frames: probe, reader, decoder; files, image sequences, animations and pipes."""

__all__ = ["animated_webp", "decode", "image_sequence", "probe", "sources"]
