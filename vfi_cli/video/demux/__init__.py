"""Opens files and returns their packets, also those of joined files and of streams that begin late."""

__all__ = ["joined_input", "late_streams", "open_input"]
