"""The largest frame or image size that is read."""

from __future__ import annotations

from pathlib import Path

from vfi_cli.errors import InputError, LimitError

MAX_SIDE = 16_384  # pixels
MAX_PIXELS = 8_192 * 8_192
SIZE_LIMIT = {"max_pixels": str(MAX_PIXELS)}  # option of FFmpeg's decoders


def check_size(width: int, height: int, path: Path) -> None:
    """Raises InputError if a side is 0 or less, LimitError if the frame is too large. `path` is named in the error."""
    if width <= 0 or height <= 0:
        raise InputError("the file does not state the size of its frames", path=path, remedy="is it complete?")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise LimitError(
            f"the frame size is {width}x{height}, the limit is {MAX_SIDE} pixels a side and {MAX_PIXELS} in all",
            path=path,
            remedy="scale the video down first",
        )
