"""Subtitles of one kind of text as those of another."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

_TICK = Fraction(1, 1_000_000)
_FIELDS = 8  # of a line in FFmpeg's form of ASS, before the text
_BREAK = b"{\\r}\\N"  # ends every style, and the line


class TextSubtitles:
    """Writes lines of text, given in order of time, as subtitles of kind `codec`.

    MP4 shows one sample at a time, so lines that overlap become stretches of time, each with all that is on screen.

    Args:
        output: gets a stream, `self.stream`, before its header is written.
        source: the stream that the lines come from.
    """

    def __init__(self, output: OutputContainer, source: Stream, codec: str) -> None:
        assert isinstance(source, SubtitleStream)
        self._decoder = source.codec_context
        self.stream = output.add_stream(codec)
        assert isinstance(self.stream, SubtitleStream)
        self._encoder = self.stream.codec_context
        self._decoder.open(strict=False)
        self._encoder.subtitle_header = self._decoder.subtitle_header or b"[Script Info]\n"
        self._encoder.time_base = self.stream.time_base = _TICK
        self._shown: list[tuple[Fraction, bytes]] = []  # (end, text) of the lines on screen at `_time`
        self._time = Fraction(0)

    def convert(self, packet: Packet[Stream], begin: Fraction, end: Fraction) -> Iterator[Packet[Stream]]:
        """What is complete when the line in `packet`, on screen from `begin` to `end` seconds, appears."""
        subtitle = self._decoder.decode2(packet)
        texts = [_text(rect) for rect in subtitle.rects if isinstance(rect, AssSubtitle)] if subtitle else []
        yield from self._until(begin)
        self._shown += [(end, text) for text in texts if text]

    def flush(self) -> Iterator[Packet[Stream]]:
        """What is left."""
        yield from self._until(max((end for end, _ in self._shown), default=self._time))

    def _until(self, time: Fraction) -> Iterator[Packet[Stream]]:
        while self._shown and self._time < time:
            end = min(time, *(end for end, _ in self._shown))
            if end > self._time:
                yield self._packet(end)
            self._time = end
            self._shown = [line for line in self._shown if line[0] > end]
        self._time = max(self._time, time)

    def _packet(self, end: Fraction) -> Packet[Stream]:
        text = _BREAK.join(text for _, text in self._shown)
        line = b"0,0,Default,,0,0,0,," + text
        packet = self._encoder.encode_subtitle(SubtitleSet.create(line, 0, round((end - self._time) * 1000)))
        packet.stream = self.stream
        packet.time_base = _TICK
        packet.pts = packet.dts = round(self._time / _TICK)
        packet.duration = round(end / _TICK) - packet.pts
        return packet


def _text(rect: AssSubtitle) -> bytes:
    return rect.ass.split(b",", _FIELDS)[-1].strip()
