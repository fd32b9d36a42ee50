"""Timestamps of packets and frames: discontinuities, jitter, packet order, frame rate."""

__all__ = ["discontinuities", "frame_rate", "jitter", "offsets", "packet_order"]
