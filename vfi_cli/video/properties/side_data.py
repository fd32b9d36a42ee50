"""Side data that a decoder returns with a picture."""

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
    """(FFmpeg's name, content) of all side data of `frame`; empty content if PyAV does not know the kind."""
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
    graph = Graph()
    entry = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1))
    graph.link_nodes(entry, graph.add("sidedata", f"mode=delete:type={kind}"), graph.add("buffersink"))
    graph.configure()
    graph.push(frame)
    rest = graph.pull()
    assert isinstance(rest, av.VideoFrame)
    return rest


def find(data: list[tuple[str, bytes]], kind: SideData) -> bytes | None:
    """The content of the first side data of a kind."""
    return next((content for name, content in data if name == kind.name), None)
