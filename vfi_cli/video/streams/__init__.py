"""Other streams than the video: which are kept, copied or converted; tags, chapters, subtitles."""

__all__ = ["audio", "silence", "stream_copy", "stream_plan", "tags"]
