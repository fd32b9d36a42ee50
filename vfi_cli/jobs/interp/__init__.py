"""Interpolates one clip: makes a plan, runs a pipeline of three threads, and keeps a journal to resume from."""

__all__ = ["api", "convert", "duplicates", "plan", "run_clip", "summary"]
