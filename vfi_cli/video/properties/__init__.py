"""Properties of a video stream: pixel format, colour, side data, and which of them an output loses."""

__all__ = ["pixels", "preserved"]
