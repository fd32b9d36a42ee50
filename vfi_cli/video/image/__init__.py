"""Reads image files: headers, orientation, decoding."""

__all__ = ["animated", "exif", "exr", "image_file", "image_header"]
