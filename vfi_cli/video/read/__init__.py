"""Reads sources (files, image sequences, animations, pipes) as frames: probe, reader, decoder."""

__all__ = ["animated_webp", "decode", "image_sequence", "probe", "sources"]
