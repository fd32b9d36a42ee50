"""Writes frames to an output: plan, encoder and muxer for files, segments, image folders, animations and pipes."""

__all__ = ["concat", "encode_plan", "open_output", "segments", "turning"]
