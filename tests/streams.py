"""Makes a clip with all kinds of streams, tags and chapters, and reads them from an output."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.stream import Disposition

from tests.media import make_clip

FONT = bytes(range(256)) * 4
COVER = cv2.imencode(".jpg", np.full((16, 16, 3), 200, np.uint8))[1].tobytes()
LINES = ((0, 1000, "one"), (1200, 2000, "<i>two</i>"), (1800, 2600, "three"), (4000, 4500, "four"))
"""(start, end, text), in milliseconds. The third line begins before the second one ends."""
CHAPTERS = ((0, 2, "Start"), (2, 5, "End"))


def make_rich(path: Path) -> Path:
    """Write a Matroska file of 5 s at 10 frames per second.

    It has two audio tracks of different codecs, SubRip and ASS subtitles, chapters, a font, a cover, tags, a sample
    aspect ratio, a rotation and a timecode.
    """
    folder = path.parent
    first = make_clip(
        folder / "first.mkv",
        50,
        audio="aac",
        sar=Fraction(16, 11),
        rotation=90,
        chapters=CHAPTERS,
        metadata={"title": "Film", "custom": "any", "timecode": "01:00:00:05"},
        options={"g": "10", "bf": "0"},
    )
    second = make_clip(folder / "second.mkv", 50, audio="ac3")
    with av.open(str(first)) as a, av.open(str(second)) as b, av.open(str(path), "w") as sink:
        sink.metadata.update(a.metadata)
        sink.set_chapters(a.chapters())
        copies = [
            (a, a.streams.video[0], "jpn", "Picture", 0),
            (a, a.streams.audio[0], "eng", "English", Disposition.default),
            (b, b.streams.audio[0], "fra", "Commentaire", Disposition.comment),
        ]
        packets = []
        for source, stream, language, title, flags in copies:
            copy = sink.add_stream_from_template(stream, opaque=True)
            if copy.type == "video":
                copy.sample_aspect_ratio = Fraction(16, 11)
                copy.set_display_rotation(90)
            copy.metadata.update(language=language, title=title)
            copy.disposition = flags
            source.seek(0)
            for packet in source.demux(stream):
                if packet.size:
                    packet.stream = copy
                    packets.append(packet)
        for codec, language, flags in (("subrip", "eng", 0), ("ass", "deu", Disposition.default | Disposition.forced)):
            text = sink.add_stream(codec)
            text.codec_context.subtitle_header = b"[Script Info]\n"
            text.metadata["language"] = language
            text.disposition = flags
            packets += [_line(text, number, *line) for number, line in enumerate(LINES)]
        sink.add_attachment("font.ttf", "application/x-truetype-font", FONT)
        sink.add_attachment("cover.jpg", "image/jpeg", COVER)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            sink.mux(packet)
    first.unlink()
    second.unlink()
    return path


def _line(stream: av.subtitles.stream.SubtitleStream, number: int, start: int, end: int, text: str) -> av.Packet:
    packet = av.Packet(text.encode() if stream.name == "subrip" else f"{number},0,Default,,0,0,0,,{text}".encode())
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = start
    packet.duration = end - start
    return packet


def lines_of(path: Path, track: int = 0) -> list[tuple[float, float, str]]:
    """The (start, end, text) of each line of a subtitle track, in seconds, without styles and without empty lines."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[track]
        lines = []
        for packet in container.demux(stream):
            texts = [rect.dialogue.decode() for rect in packet.decode()] if packet.size else []
            text = re.sub(r"{.*?}", "", "\n".join(texts)).strip()
            if text:
                start, end = packet.pts * packet.time_base, (packet.pts + packet.duration) * packet.time_base
                lines.append((float(start), float(end), text))
        return lines


def seen(path: Path) -> list[tuple[str, str, str, str, set[str]]]:
    """The (kind, codec, language, title, flags) of every stream."""
    with av.open(str(path)) as container:
        return [
            (
                stream.type,
                stream.codec_context.codec.canonical_name if stream.codec_context else stream.name or "",
                stream.language or "",
                stream.metadata.get("title") or stream.metadata.get("name", ""),
                {flag.name for flag in stream.disposition},
            )
            for stream in container.streams
        ]
