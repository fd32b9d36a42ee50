"""Converts audio streams: decodes them and encodes the samples with another codec."""

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

_PREFERRED_ENCODERS = {"opus": "libopus", "mp3": "libmp3lame"}  # FFmpeg's own encoder of that name is worse or missing
_BITS_PER_CHANNEL = 96_000  # bits per second and channel, if the user gives no bit rate
_FALLBACK_LAYOUTS = ("7.1", "5.1", "stereo", "mono")  # for encoders that do not take the layout of the source
# Layout for 1 to 8 channels, if the file does not state one.
_USUAL_LAYOUTS = ("mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")
_JITTER = Fraction(1, 100)  # seconds; the error of container clocks; a longer step is a gap
_SILENCE_SAMPLES = 4800  # per frame of inserted silence


@dataclass(frozen=True, slots=True)
class AudioCodec:
    """The codec that audio is converted to.

    Args:
        name: FFmpeg's name of the encoder or of its format.
        bit_rate: bits per second; None: 96,000 for each channel.

    Raises UsageError if FFmpeg has no audio encoder of this name, or if the encoder takes no such bit rate.
    """

    name: str
    bit_rate: int | None = None

    def __post_init__(self) -> None:
        encoder = _find_encoder(self.name)
        if self.bit_rate is None:
            return
        if not isinstance(self.bit_rate, int) or self.bit_rate <= 0:
            raise UsageError(f"-b:a {self.bit_rate} is not a bit rate", remedy="e.g. -b:a 192k")
        if encoder.lossless and not encoder.lossy:
            raise UsageError(f"{encoder.name} is lossless and has no bit rate", remedy="leave -b:a out")


def _find_encoder(name: str) -> av.Codec:
    try:
        encoder = av.Codec(_PREFERRED_ENCODERS.get(name, name), "w")
    except UnknownCodecError as error:
        raise UsageError(
            f"there is no encoder {name!r}", remedy="-c:a takes aac, flac, pcm_s16le, libopus or copy"
        ) from error
    if encoder.type != "audio":
        raise UsageError(f"{name!r} is not an audio encoder", remedy="-c:a takes aac, flac, pcm_s16le, libopus or copy")
    return encoder


class ConvertedAudio:
    """Converts the packets of an audio stream to another codec. Packets must come in order of time.

    Fills gaps of the source with silence, and drops the samples of an overlap. Cuts off the samples before 0 s and
    after `end`.

    Args:
        output: gets a new stream, `self.stream`. Its header must not be written yet.
        source: the audio stream; its own decoder decodes the packets.
        codec: the codec to convert to.
        end: seconds of the output; None: no limit.

    Attributes:
        damaged: number of packets so far that the decoder refused.

    Raises:
        OutputError: the source has no decoder, or the encoder refuses its samples.
        ValueError, av.FFmpegError: the container refuses the codec.
    """

    def __init__(self, output: OutputContainer, source: Stream, codec: AudioCodec, end: Fraction | None = None) -> None:
        assert isinstance(source, AudioStream)
        if source.codec_context is None:
            raise OutputError("the audio cannot be decoded")
        self._decoder = source.codec_context
        self._end = end
        template = _open_encoder(self._decoder, codec)
        self._encoder = template.codec_context
        self.stream = add_copy(output, template)
        self._resampler: AudioResampler | None = None
        self._input_format: tuple[str, str, int] | None = None  # sample format, layout and rate of the decoded samples
        # Positions count samples from 0 s.
        self._next_input: int | None = None  # expected position of the next decoded sample
        self._next_output: int | None = None  # position of the next sample for the encoder
        self._first_output = self._padding = 0  # position of the first sample; samples that the encoder adds before it
        self._last_frame: AudioFrame | None = None  # the last encoded frame
        self.damaged = 0

    def convert(self, packet: Packet[Stream], begin: Fraction) -> Iterator[Packet[Stream]]:
        """Decode a packet that begins at `begin` seconds of the output. Yields the packets that are complete."""
        packet.pts = packet.dts = round(begin / packet.time_base)
        try:
            frames = self._decoder.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            return
        for frame in frames:
            yield from self._convert_frame(frame)

    def flush(self) -> Iterator[Packet[Stream]]:
        """Yields the packets that the decoder, the resampler and the encoder still hold."""
        try:
            frames = self._decoder.decode(None)
        except av.FFmpegError:
            frames = []
        for frame in frames:
            yield from self._convert_frame(frame)
        yield from self._resample(None)
        if self._last_frame is not None:  # some encoders fail to flush if they got no frame
            if self._padding and not self._encoder.codec.delay:  # it keeps its last samples unless more follow
                yield from self._encode_frame(_silent_frame(self._last_frame, self._padding))
            yield from self._encode(None)

    def _convert_frame(self, frame: AudioFrame) -> Iterator[Packet[Stream]]:
        """Put the samples of `frame` at their time. Yields the packets that the encoder completes."""
        rate = frame.sample_rate
        input_format = (frame.format.name, _layout(frame), rate)
        if input_format != self._input_format:
            yield from self._resample(None)
            self._resampler = AudioResampler(self._encoder.format, self._encoder.layout, self._encoder.sample_rate)
            self._input_format = input_format
            if self._next_output is not None:
                self._next_input = round(Fraction(self._next_output * rate, self._encoder.sample_rate))
        begin = self._next_input
        if frame.pts is not None and frame.time_base is not None:
            stated = round(frame.pts * frame.time_base * rate)
            if begin is None or abs(stated - begin) > _JITTER * rate:
                begin = stated
        expected = self._next_input if self._next_input is not None else max(0, begin or 0)
        begin = expected if begin is None else begin
        stop = round(self._end * rate) if self._end is not None else None
        silence_end = begin if stop is None else min(begin, stop)
        for start in range(expected, silence_end, _SILENCE_SAMPLES):
            yield from self._resample(_silent_frame(frame, min(_SILENCE_SAMPLES, silence_end - start)))
            self._next_input = min(start + _SILENCE_SAMPLES, silence_end)
        begin, samples = _cut_frame(frame, begin, max(expected, 0), stop)
        if samples is not None:
            if self._next_output is None:
                self._next_output = round(Fraction(begin * self._encoder.sample_rate, rate))
            self._next_input = begin + samples.samples
            yield from self._resample(samples)

    def _resample(self, frame: AudioFrame | None) -> Iterator[Packet[Stream]]:
        if self._resampler is None:
            return
        if frame is not None:
            frame.pts = None
        for resampled in filter(None, self._resampler.resample(frame)):
            yield from self._encode_frame(resampled)

    def _encode_frame(self, frame: AudioFrame) -> Iterator[Packet[Stream]]:
        assert self._next_output is not None
        frame.pts, frame.time_base = self._next_output, Fraction(1, self._encoder.sample_rate)
        if self._last_frame is None:
            self._first_output = self._next_output
        self._last_frame = frame
        self._next_output += frame.samples
        yield from self._encode(frame)

    def _encode(self, frame: AudioFrame | None) -> Iterator[Packet[Stream]]:
        for packet in self._encoder.encode(frame):
            if packet.pts is not None:
                self._padding = max(self._padding, self._first_output - packet.pts)
            packet.stream = self.stream
            yield packet


def _open_encoder(source: AudioCodecContext, codec: AudioCodec) -> AudioStream:
    """A stream with an open encoder, whose rate, sample format and layout are as close to `source` as possible."""
    encoder = _find_encoder(codec.name)
    rate = _nearest_rate(encoder, source.sample_rate or 48_000)
    format = _nearest_format(encoder, source.format.name if source.format else "fltp")
    channels = source.layout.nb_channels or 2
    fitting = [name for name in _FALLBACK_LAYOUTS if av.AudioLayout(name).nb_channels <= channels]
    for layout in (_layout(source), *fitting, "stereo"):
        # The "null" muxer takes every codec. `add_copy` tries the muxer of the output later.
        scratch = av.open(io.BytesIO(), "w", format="null")
        stream = scratch.add_stream(encoder.name, rate=rate, options={"strict": "experimental"})
        assert isinstance(stream, AudioStream)
        context = stream.codec_context
        context.layout, context.format = layout, format
        if encoder.lossy or not encoder.lossless:
            context.bit_rate = codec.bit_rate or _BITS_PER_CHANNEL * av.AudioLayout(layout).nb_channels
        context.flags |= Flags.global_header
        stream.time_base = Fraction(1, rate)
        try:
            scratch.start_encoding()  # opens the encoder
        except (av.FFmpegError, ValueError):
            continue
        return stream
    at = f" at {codec.bit_rate} bits a second" if codec.bit_rate else ""
    raise OutputError(f"{encoder.name} refuses audio of {rate} Hz and {channels} channels{at}")


def _layout(source: AudioCodecContext | AudioFrame) -> str:
    """The name of the layout; if only the number of channels is known, the usual layout for it."""
    channels = source.layout.nb_channels or 2
    if source.layout.nb_channels and not source.layout.name.endswith("channels"):
        return source.layout.name
    return _USUAL_LAYOUTS[channels - 1] if channels <= len(_USUAL_LAYOUTS) else source.layout.name


def _nearest_rate(encoder: av.Codec, rate: int) -> int:
    """`rate` if the encoder takes it, else the next higher rate that it takes, else its highest rate."""
    rates = encoder.audio_rates
    if not rates or rate in rates:
        return rate
    return min((other for other in rates if other > rate), default=max(rates))


def _nearest_format(encoder: av.Codec, name: str) -> str:
    """The sample format of the encoder that loses the fewest bits of `name`, then the one that adds the fewest."""
    source = av.AudioFormat(name)
    formats = encoder.audio_formats or [source]

    def distance(format: av.AudioFormat) -> tuple[bool, int, bool]:
        smaller = format.bits < source.bits
        return smaller, -format.bits if smaller else format.bits, format.is_planar != source.is_planar

    return min(formats, key=distance).name


def _silent_frame(like: AudioFrame, samples: int) -> AudioFrame:
    """A frame of so many silent samples, in the format of `like`."""
    values = like.to_ndarray()
    shape = (values.shape[0], samples * (1 if like.format.is_planar else like.layout.nb_channels))
    zero = 128 if like.format.name.startswith("u8") else 0
    return _make_frame(like, np.full(shape, zero, values.dtype))


def _cut_frame(frame: AudioFrame, begin: int, first: int, stop: int | None) -> tuple[int, AudioFrame | None]:
    """Cut a frame that begins at sample `begin` to the samples first <= position < stop.

    Returns the position of the first remaining sample, and the cut frame; None if nothing remains.
    """
    end = begin + frame.samples if stop is None else min(begin + frame.samples, stop)
    start = max(begin, first)
    if start >= end:
        return start, None
    if (start, end) == (begin, begin + frame.samples) and frame.layout.name == _layout(frame):
        return start, frame
    columns = 1 if frame.format.is_planar else frame.layout.nb_channels
    return start, _make_frame(frame, frame.to_ndarray()[:, (start - begin) * columns : (end - begin) * columns])


def _make_frame(like: AudioFrame, values: np.ndarray) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(values), like.format.name, _layout(like))
    frame.sample_rate = like.sample_rate
    return frame
