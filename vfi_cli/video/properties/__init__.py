"""Properties of a video stream: pixel format, colour, side data, and what an output loses of them."""

__all__ = ["pixels", "preserved"]
