"""Converts text subtitles from one text codec to another."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

_TICK = Fraction(1, 1_000_000)
_FIELDS_BEFORE_TEXT = 8  # before the text, in a line of FFmpeg's form of ASS
_LINE_BREAK = b"{\\r}\\N"  # resets the style and breaks the line


class TextSubtitles:
    """Converts lines of text to subtitles of another codec. Lines must come in order of time.

    MP4 shows one packet at a time. So lines that overlap in time are split: each packet holds all lines that are on
    screen together.

    Args:
        output: gets a new stream, `self.stream`. Its header must not be written yet.
        source: the stream that the lines come from.
        codec: the text codec to convert to, by FFmpeg's name.
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
        """Add the line in `packet`, on screen from `begin` to `end` seconds. Yields the packets up to `begin`."""
        subtitle = self._decoder.decode2(packet)
        texts = [_text(rect) for rect in subtitle.rects if isinstance(rect, AssSubtitle)] if subtitle else []
        yield from self._packets_until(begin)
        self._shown += [(end, text) for text in texts if text]

    def flush(self) -> Iterator[Packet[Stream]]:
        """Yields the packets for the lines that are still on screen."""
        yield from self._packets_until(max((end for end, _ in self._shown), default=self._time))

    def _packets_until(self, time: Fraction) -> Iterator[Packet[Stream]]:
        """Yields the packets up to `time`, in seconds."""
        while self._shown and self._time < time:
            end = min(time, *(end for end, _ in self._shown))
            if end > self._time:
                yield self._packet(end)
            self._time = end
            self._shown = [line for line in self._shown if line[0] > end]
        self._time = max(self._time, time)

    def _packet(self, end: Fraction) -> Packet[Stream]:
        """A packet with all lines on screen, from `_time` to `end` seconds."""
        text = _LINE_BREAK.join(text for _, text in self._shown)
        line = b"0,0,Default,,0,0,0,," + text
        packet = self._encoder.encode_subtitle(SubtitleSet.create(line, 0, round((end - self._time) * 1000)))
        packet.stream = self.stream
        packet.time_base = _TICK
        packet.pts = packet.dts = round(self._time / _TICK)
        packet.duration = round(end / _TICK) - packet.pts
        return packet


def _text(rect: AssSubtitle) -> bytes:
    return rect.ass.split(b",", _FIELDS_BEFORE_TEXT)[-1].strip()
