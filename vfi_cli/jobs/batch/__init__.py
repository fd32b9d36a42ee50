"""Interpolates the clips of a folder, in several processes."""

__all__ = ["discovery", "estimate", "pool", "run_folder"]
