"""From frames to an output: plan, encoder, muxer; files, segments, image folders, animations and pipes."""

__all__ = ["concat", "encode_plan", "open_output", "segments", "turning"]
