"""Reads a whole file before it is probed, if it may have discontinuities or streams that begin late."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from vfi_cli.video.container.parts import find_parts
from vfi_cli.video.container.several_clocks import may_leap, runs_back
from vfi_cli.video.demux import late_streams
from vfi_cli.video.demux.open_input import open_input, open_whole
from vfi_cli.video.read.choose_stream import choose_video
from vfi_cli.video.timestamps.discontinuities import Scan


def survey(path: Path, video: int | None) -> tuple[Scan | None, int]:
    """The scan of the whole file and its `ClipInfo.reach`; (None, 0) if the file has no discontinuities.

    Args:
        video: see `probe.probe`.
    """
    with open_input(path) as container:
        is_joined = len(find_parts(path, container.format.name)) > 1
        can_jump = may_leap(container)
        if not (is_joined or can_jump or runs_back(path, container.format.name)):
            return None, 0
        if is_joined or not can_jump:
            return _scan(path, _choose(container, path, video).index, seekable=is_joined), 0
        listed = len(container.streams)
        known = {stream.index for stream in container.streams if late_streams.is_known(stream)}
        if late_streams.shows_picture(container):
            scan = Scan(container, _choose(container, path, video))
            known |= set(range(listed)) - scan.indexes  # a stream without packets needs no more reading
            if len(known) == listed and not late_streams.has_more(container):
                return scan, 0
    with open_input(path, path.stat().st_size) as container:
        reach = late_streams.find_reach(container, known, listed)
    with open_input(path, reach) as container:
        return Scan(container, _choose(container, path, video, reach)), reach


def _choose(container: InputContainer, path: Path, video: int | None, reach: int = 0) -> VideoStream:
    return choose_video(container, path, video, partial(open_input, path, reach))


def _scan(path: Path, index: int, *, seekable: bool) -> Scan:
    """Scans all parts of a joined file, or a file whose times run back. `index`: of the video stream."""
    with open_whole(path) as container:
        stream = container.streams[index]
        assert isinstance(stream, VideoStream)
        return Scan(container, stream, seekable=seekable)
