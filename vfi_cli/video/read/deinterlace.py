"""Makes progressive frames from interlaced ones: one frame for each pair of fields."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
from av.filter import Graph

from vfi_cli.cpus import available_cpus
from vfi_cli.video.clip import ClipInfo

TimedFrame = tuple[av.VideoFrame, Fraction, Fraction]
"""A decoded frame, its time and its stated duration, both in seconds."""


def to_progressive(frames: Iterator[TimedFrame], info: ClipInfo) -> Iterator[TimedFrame]:
    """The frames of a clip as progressive ones, at the same times.

    With `info.deinterlace`, FFmpeg's filter bwdif converts all frames if the clip is marked as interlaced, or only the
    frames that are marked. Otherwise the filter setfield only removes the marks, because FFmpeg converts the chroma of
    a marked frame field by field.
    """
    graph: Graph | None = None
    pending: list[TimedFrame] = []  # frames in the filter, which returns as many, in order, with a delay of one frame
    for number, timed in enumerate(frames):
        frame = timed[0]
        if graph is None:
            graph = _make_graph(frame, info)
        frame.pts, frame.time_base = number, Fraction(1)  # the true times are in `pending`
        pending.append(timed)
        graph.push(frame)
        yield from _drain(graph, pending)
    if graph is not None:
        graph.push(None)
        yield from _drain(graph, pending)


def _make_graph(first: av.VideoFrame, info: ClipInfo) -> Graph:
    graph = Graph()
    graph.threads = available_cpus()
    source = graph.add_buffer(width=info.width, height=info.height, format=first.format, time_base=Fraction(1))
    if info.deinterlace:
        deint = "all" if info.interlaced else "interlaced"
        change = graph.add("bwdif", f"mode=send_frame:parity=auto:deint={deint}")
    else:
        change = graph.add("setfield", "mode=prog")
    graph.link_nodes(source, change, graph.add("buffersink"))
    graph.configure()
    return graph


def _drain(graph: Graph, pending: list[TimedFrame]) -> Iterator[TimedFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(frame, av.VideoFrame)
        _, time, span = pending.pop(0)
        yield frame, time, span
