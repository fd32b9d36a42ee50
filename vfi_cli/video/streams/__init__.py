"""All streams but the interpolated video: chooses, copies and converts them. Also tags, chapters and subtitles."""

__all__ = ["audio", "silence", "stream_copy", "stream_plan", "tags"]
