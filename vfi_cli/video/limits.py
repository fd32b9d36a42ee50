"""How large a picture may be."""

from __future__ import annotations

from pathlib import Path

from vfi_cli.errors import InputError, LimitError

MAX_SIDE = 16_384  # pixels
MAX_PIXELS = 8_192 * 8_192
PICTURE_LIMIT = {"max_pixels": str(MAX_PIXELS)}  # option of FFmpeg's decoders


def check_size(width: int, height: int, path: Path) -> None:
    """Raises InputError or LimitError for a size that no video has."""
    if width <= 0 or height <= 0:
        raise InputError("the file does not say how large the picture is", path=path, remedy="is it complete?")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise LimitError(
            f"the picture is {width}x{height}, the limit is {MAX_SIDE} a side and {MAX_PIXELS} pixels",
            path=path,
            remedy="scale the video down first",
        )
