"""Reads the side data that a decoder returns with a frame."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import cast

import av
from av.filter import Graph
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideData

# Kinds of FFmpeg 8 that PyAV 18.1 does not know. If a frame has one of them, PyAV returns no side data at all.
_UNKNOWN = {28: "LCEVC", 29: "VIEW_ID", 30: "3D_REFERENCE_DISPLAYS", 31: "EXIF"}


def read_side_data(frame: av.VideoFrame | None) -> list[tuple[str, bytes]]:
    """Return (FFmpeg's name, content) of all side data of `frame`; empty content if PyAV does not know the kind."""
    found: list[tuple[str, bytes]] = []
    while frame is not None:
        try:
            return found + [(data.type.name, bytes(data)) for data in cast(SideDataContainer, frame.side_data)]
        except ValueError as error:
            kind = int(re.findall(r"\d+", str(error))[0])
            found.append((_UNKNOWN.get(kind, f"number {kind}"), b""))
            frame = _without(frame, kind)
    return found


def _without(frame: av.VideoFrame, kind: int) -> av.VideoFrame:
    """Return a copy of `frame` without the side data of a kind, which is FFmpeg's number."""
    graph = Graph()
    entry = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1))
    graph.link_nodes(entry, graph.add("sidedata", f"mode=delete:type={kind}"), graph.add("buffersink"))
    graph.configure()
    graph.push(frame)
    result = graph.pull()
    assert isinstance(result, av.VideoFrame)
    return result


def find(data: list[tuple[str, bytes]], kind: SideData) -> bytes | None:
    """Return the content of the first side data of a kind; None if there is none."""
    return next((content for name, content in data if name == kind.name), None)
