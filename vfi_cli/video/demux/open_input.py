"""Opens video files for demuxing: only local files, and only containers that need no other file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer

from vfi_cli.errors import InputError
from vfi_cli.video.container.parts import find_parts
from vfi_cli.video.demux import late_streams
from vfi_cli.video.demux.joined_input import JoinedInput, open_part
from vfi_cli.video.limits import SIZE_LIMIT

# Demuxers of FFmpeg that read one file and nothing else: no playlists, no image sequences, no network.
_DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,nut,ivf,mxf,dv,gif,apng,yuv4mpegpipe,"
    "h264,hevc,vvc,obu,av1,vc1,m4v,h261,h263,dirac,cavsvideo,dnxhd,mjpeg,rm,wtv"
)
_JPEG = b"\xff\xd8\xff"  # the first bytes of a JPEG image
_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file", **SIZE_LIMIT}


@contextmanager
def open_input(path: Path, reach: int = 0) -> Iterator[InputContainer]:
    """Open the file at `path` for demuxing; of a joined file, only the first part.

    Args:
        path: taken literally: a file whose name looks like a URL or an option is still a file.
        reach: number of bytes from which FFmpeg learns about the streams, see `late_streams.options`.

    Raises:
        InputError: if the file cannot be read, or is not a single media file.
    """
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "no such file"
            raise InputError(what, path=path, remedy="give the path of a local video file")
        if path.stat().st_size == 0:
            raise InputError("the file is empty", path=path)
        options = {**_OPTIONS, **late_streams.options(reach)}
        # An absolute path cannot be mistaken for a URL or an option.
        absolute = os.path.abspath(path)  # noqa: PTH100
        container = av.open(absolute, "r", _format(path), options=options, metadata_errors="replace")
        parts = find_parts(path, container.format.name)
        if len(parts) > 1:
            container.close()
            container = open_part(path, parts[0], options)
    except av.ArgumentError as error:
        raise InputError(
            "this container format is not supported",
            path=path,
            remedy="give a video file, not a playlist or an image list",
        ) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"not a readable video file: {_reason(error)}", path=path, remedy="is it complete?") from error
    with container:
        if reach:
            container.seek(0, unsupported_byte_offset=True)  # go back to the start: FFmpeg has not kept what it read
        yield container


def _format(path: Path) -> str | None:
    """Return the demuxer for the file at `path` if FFmpeg would choose a wrong one; else None.

    FFmpeg would read a stream of JPEG images as a single image.
    """
    with path.open("rb") as file:
        return "mjpeg" if file.read(len(_JPEG)) == _JPEG else None


@contextmanager
def open_whole(path: Path, reach: int = 0) -> Iterator[InputContainer | JoinedInput]:
    """Open the file at `path` like `open_input`, but with all parts of a joined file."""
    with open_input(path, reach) as container:
        parts = find_parts(path, container.format.name)
        yield JoinedInput(path, parts, container, _OPTIONS) if len(parts) > 1 else container


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
