"""Training data: windows of frames from packs, published sets and videos, and the samples cut from them."""

__all__ = ["batch", "frame_cache", "pairs", "precomputed", "read_data", "synthetic", "windows"]
