"""Reads and changes the bytes of container files: structure, headers, marks. Nothing is demuxed or decoded here."""

__all__ = ["encryption", "marks", "matroska_header", "mp4_header", "parts", "several_clocks", "truncation"]
