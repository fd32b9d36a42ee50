"""Decodes sound and encodes it again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.codec.codec import UnknownCodecError
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from vfi_cli.errors import OutputError, UsageError
from vfi_cli.video.streams.packets import add_copy

_USUAL = {"opus": "libopus", "mp3": "libmp3lame"}  # FFmpeg's own encoder of that name is worse or missing
_BITS_PER_CHANNEL = 96_000  # bits per second, if no rate is given
_LAYOUTS = ("7.1", "5.1", "stereo", "mono")  # for encoders that do not take the layout of the source
_UNNAMED = ("mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")  # by number of channels, if no layout is stated
_JITTER = Fraction(1, 100)  # seconds; container clocks are that inexact; a longer step is a gap
_SILENCE = 4800  # samples a frame


@dataclass(frozen=True, slots=True)
class SoundCodec:
    """The codec that sound is converted to.

    Args:
        name: encoder of FFmpeg, by its own name or that of its format.
        bit_rate: bits per second; None: 96,000 for each channel.

    Raises UsageError if the name is not that of an audio encoder, or if it cannot have this bit rate.
    """

    name: str
    bit_rate: int | None = None

    def __post_init__(self) -> None:
        encoder = _find_encoder(self.name)
        if self.bit_rate is None:
            return
        if self.bit_rate <= 0:
            raise UsageError(f"-b:a {self.bit_rate} is no bit rate", remedy="e.g. -b:a 192k")
        if encoder.lossless and not encoder.lossy:
            raise UsageError(f"{encoder.name} is lossless and has no bit rate", remedy="leave -b:a out")


def _find_encoder(name: str) -> av.Codec:
    try:
        encoder = av.Codec(_USUAL.get(name, name), "w")
    except UnknownCodecError as error:
        raise UsageError(
            f"there is no encoder {name!r}", remedy="-c:a takes aac, flac, pcm_s16le, libopus or copy"
        ) from error
    if encoder.type != "audio":
        raise UsageError(f"{name!r} is no audio encoder", remedy="-c:a takes aac, flac, pcm_s16le, libopus or copy")
    return encoder


class ConvertedSound:
    """Converts the packets of a track, given in order of time, to another codec.

    Gaps in the source become silence, and overlaps are heard once. Samples before 0 and after `end` are
    cut off.

    Args:
        output: a stream, `self.stream`, is added before its header is written.
        source: the track, whose decoder is used.
        end: seconds of the output.

    Attributes:
        damaged: packets so far that cannot be decoded.

    Raises OutputError if the encoder refuses the sound; ValueError or av.FFmpegError if the container refuses the
    codec.
    """

    def __init__(
        self, output: OutputContainer, source: Stream, wanted: SoundCodec, end: Fraction | None = None
    ) -> None:
        assert isinstance(source, AudioStream)
        if source.codec_context is None:
            raise OutputError("the sound cannot be decoded")
        self._decoder = source.codec_context
        self._end = end
        template = _open_encoder(self._decoder, wanted)
        self._encoder = template.codec_context
        self.stream = add_copy(output, template)
        self._resampler: AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None  # format, layout and rate of incoming samples
        self._next: int | None = None  # expected position of the next incoming sample
        self._made: int | None = None  # position of the encoder's next sample
        self._first = self._lead = 0  # the first sample; how many samples the encoder adds before it
        self._last: AudioFrame | None = None  # the last encoded frame
        self.damaged = 0

    def convert(self, packet: Packet[Stream], begin: Fraction) -> Iterator[Packet[Stream]]:
        """Decode the packet, which begins at `begin` seconds of the output. Returns the packets that are complete."""
        packet.pts = packet.dts = round(begin / packet.time_base)
        try:
            frames = self._decoder.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            return
        for frame in frames:
            yield from self._heard(frame)

    def flush(self) -> Iterator[Packet[Stream]]:
        """The remaining packets."""
        try:
            frames = self._decoder.decode(None)
        except av.FFmpegError:
            frames = []
        for frame in frames:
            yield from self._heard(frame)
        yield from self._resampled(None)
        if self._last is not None:  # some encoders fail to flush if they got no frame
            if self._lead and not self._encoder.codec.delay:  # it would keep its last samples
                yield from self._encoded(_silent(self._last, self._lead))
            yield from self._packets(None)

    def _heard(self, frame: AudioFrame) -> Iterator[Packet[Stream]]:
        """The packets that are complete after the samples of `frame`, with their times."""
        rate = frame.sample_rate
        shape = (frame.format.name, _layout(frame), rate)
        if shape != self._shape:
            yield from self._resampled(None)
            self._resampler = AudioResampler(self._encoder.format, self._encoder.layout, self._encoder.sample_rate)
            self._shape = shape
            if self._made is not None:
                self._next = round(Fraction(self._made * rate, self._encoder.sample_rate))
        begin = self._next
        if frame.pts is not None and frame.time_base is not None:
            stated = round(frame.pts * frame.time_base * rate)
            if begin is None or abs(stated - begin) > _JITTER * rate:
                begin = stated
        first = self._next if self._next is not None else max(0, begin or 0)
        begin = first if begin is None else begin
        last = round(self._end * rate) if self._end is not None else None
        silence = begin if last is None else min(begin, last)
        for start in range(first, silence, _SILENCE):
            yield from self._resampled(_silent(frame, min(_SILENCE, silence - start)))
            self._next = min(start + _SILENCE, silence)
        begin, samples = _cut(frame, begin, max(first, 0), last)
        if samples is not None:
            if self._made is None:
                self._made = round(Fraction(begin * self._encoder.sample_rate, rate))
            self._next = begin + samples.samples
            yield from self._resampled(samples)

    def _resampled(self, frame: AudioFrame | None) -> Iterator[Packet[Stream]]:
        if self._resampler is None:
            return
        if frame is not None:
            frame.pts = None
        for made in filter(None, self._resampler.resample(frame)):
            yield from self._encoded(made)

    def _encoded(self, frame: AudioFrame) -> Iterator[Packet[Stream]]:
        assert self._made is not None
        frame.pts, frame.time_base = self._made, Fraction(1, self._encoder.sample_rate)
        if self._last is None:
            self._first = self._made
        self._last = frame
        self._made += frame.samples
        yield from self._packets(frame)

    def _packets(self, frame: AudioFrame | None) -> Iterator[Packet[Stream]]:
        for packet in self._encoder.encode(frame):
            if packet.pts is not None:
                self._lead = max(self._lead, self._first - packet.pts)
            packet.stream = self.stream
            yield packet


def _open_encoder(source: AudioCodecContext, wanted: SoundCodec) -> AudioStream:
    """A stream with an open encoder, for sound as close to `source` as the encoder takes."""
    codec = _find_encoder(wanted.name)
    rate = _nearest_rate(codec, source.sample_rate or 48_000)
    format = _nearest_format(codec, source.format.name if source.format else "fltp")
    channels = source.layout.nb_channels or 2
    fitting = [name for name in _LAYOUTS if av.AudioLayout(name).nb_channels <= channels]
    for layout in (_layout(source), *fitting, "stereo"):
        # This container takes every codec. The output's container is tried later, see `add_copy`.
        scratch = av.open(io.BytesIO(), "w", format="null")
        stream = scratch.add_stream(codec.name, rate=rate, options={"strict": "experimental"})
        assert isinstance(stream, AudioStream)
        context = stream.codec_context
        context.layout, context.format = layout, format
        if codec.lossy or not codec.lossless:
            context.bit_rate = wanted.bit_rate or _BITS_PER_CHANNEL * av.AudioLayout(layout).nb_channels
        context.flags |= Flags.global_header
        stream.time_base = Fraction(1, rate)
        try:
            scratch.start_encoding()  # opens the encoder
        except (av.FFmpegError, ValueError):
            continue
        return stream
    at = f" at {wanted.bit_rate} bits a second" if wanted.bit_rate else ""
    raise OutputError(f"{codec.name} refuses sound of {rate} Hz and {channels} channels{at}")


def _layout(source: AudioCodecContext | AudioFrame) -> str:
    """The name of the layout, or of the usual layout if only the number of channels is known."""
    channels = source.layout.nb_channels or 2
    if source.layout.nb_channels and not source.layout.name.endswith("channels"):
        return source.layout.name
    return _UNNAMED[channels - 1] if channels <= len(_UNNAMED) else source.layout.name


def _nearest_rate(codec: av.Codec, rate: int) -> int:
    """The rate itself, else the next higher one that the encoder takes, else its highest."""
    rates = codec.audio_rates
    if not rates or rate in rates:
        return rate
    return min((other for other in rates if other > rate), default=max(rates))


def _nearest_format(codec: av.Codec, name: str) -> str:
    """The sample format of the encoder that loses least and adds least."""
    source = av.AudioFormat(name)
    formats = codec.audio_formats or [source]

    def distance(format: av.AudioFormat) -> tuple[bool, int, bool]:
        smaller = format.bits < source.bits
        return smaller, -format.bits if smaller else format.bits, format.is_planar != source.is_planar

    return min(formats, key=distance).name


def _silent(like: AudioFrame, samples: int) -> AudioFrame:
    values = like.to_ndarray()
    shape = (values.shape[0], samples * (1 if like.format.is_planar else like.layout.nb_channels))
    middle = 128 if like.format.name.startswith("u8") else 0
    return _frame(like, np.full(shape, middle, values.dtype))


def _cut(frame: AudioFrame, begin: int, first: int, last: int | None) -> tuple[int, AudioFrame | None]:
    """The first sample, and the part of the frame from `first` up to `last`; the frame begins at sample `begin`."""
    end = begin + frame.samples if last is None else min(begin + frame.samples, last)
    start = max(begin, first)
    if start >= end:
        return start, None
    if (start, end) == (begin, begin + frame.samples) and frame.layout.name == _layout(frame):
        return start, frame
    width = 1 if frame.format.is_planar else frame.layout.nb_channels
    return start, _frame(frame, frame.to_ndarray()[:, (start - begin) * width : (end - begin) * width])


def _frame(like: AudioFrame, values: np.ndarray) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(values), like.format.name, _layout(like))
    frame.sample_rate = like.sample_rate
    return frame
