"""All streams but the interpolated video: chooses, copies and converts them. Also tags, chapters and subtitles."""

__all__ = ["audio", "require_audio", "stream_copy", "stream_plan", "tags"]
