"""Interpolates one clip: plan, pipeline of three threads, journal for resuming."""

__all__ = ["convert", "duplicates", "plan", "run_clip", "summary"]
