"""Turns pictures that are marked as fields into whole ones, one for each pair of fields."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
from av.filter import Graph

from vfi_cli.cpus import available_cpus
from vfi_cli.video.clip import ClipInfo

Timed = tuple[av.VideoFrame, Fraction, Fraction]
"""A decoded frame, its time, its stated duration."""


def as_whole(pictures: Iterator[Timed], info: ClipInfo) -> Iterator[Timed]:
    """The pictures of a clip as whole ones, at the same times.

    To deinterlace, FFmpeg's bwdif converts all pictures if the clip is marked as interlaced, else only the pictures
    that are marked. Without deinterlacing, only the marks are removed: with a mark, chroma would be converted field
    by field.
    """
    graph: Graph | None = None
    waiting: list[Timed] = []  # in the filter: it gives one for each, in order, one behind
    for number, picture in enumerate(pictures):
        frame = picture[0]
        if graph is None:
            graph = _graph(frame, info)
        frame.pts, frame.time_base = number, Fraction(1)  # the true times are with us
        waiting.append(picture)
        graph.push(frame)
        yield from _ready(graph, waiting)
    if graph is not None:
        graph.push(None)
        yield from _ready(graph, waiting)


def _graph(first: av.VideoFrame, info: ClipInfo) -> Graph:
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


def _ready(graph: Graph, waiting: list[Timed]) -> Iterator[Timed]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(frame, av.VideoFrame)
        _, time, span = waiting.pop(0)
        yield frame, time, span
