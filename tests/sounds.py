"""Makes clips with beeps at known times, and finds the times of the beeps in an output."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

BEEP = 0.05  # seconds


def beeping(times: Sequence[float], seconds: float, rate: int) -> np.ndarray:
    """Audio with a tone of 1 kHz for `BEEP` seconds from each of `times` on: (samples,) int16."""
    time = np.arange(round(seconds * rate)) / rate
    signal = sum((time >= at) * (time < at + BEEP) * np.cos(2000 * np.pi * (time - at)) for at in times)
    return (16000 * np.asarray(signal)).astype(np.int16)


def make_beeps(
    path: Path,
    codec: str,
    times: Sequence[float] = (0.25, 1.25),
    *,
    seconds: float = 1.5,
    rate: int = 48000,
    layout: str = "mono",
    tracks: int = 1,
    video: str = "mpeg4",
    pause: tuple[int, float] | None = None,
) -> Path:
    """Write a clip of 10 frames per second with audio tracks. Track k has its beeps k / 10 s later.

    Args:
        times: times of the beeps, in seconds.
        pause: (number, seconds): delay the audio from packet `number` on by `seconds`.
    """
    with av.open(str(path), "w") as output:
        video_stream = output.add_stream(video, rate=10, options={"g": "5"})
        video_stream.width, video_stream.height = 64, 48
        packets = []
        for number in range(round(seconds * 10)):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts, frame.time_base = number, Fraction(1, 10)
            packets += video_stream.encode(frame)
        packets += video_stream.encode(None)
        for track in range(tracks):
            audio = output.add_stream(codec, rate=rate, options={"strict": "experimental"})
            audio.layout, audio.bit_rate = layout, 64_000
            values = beeping([time + track / 10 for time in times], seconds, rate)
            channels = av.AudioLayout(layout).nb_channels
            frame = av.AudioFrame.from_ndarray(np.repeat(values, channels).reshape(1, -1), "s16", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            encoded = []
            for resampled in (*av.AudioResampler(audio.format, audio.layout, rate).resample(frame), None):
                encoded += audio.encode(resampled)
            if pause is not None:
                for packet in encoded[pause[0] :]:
                    packet.pts += round(pause[1] / packet.time_base)
                    packet.dts = packet.pts
            packets += encoded
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            output.mux(packet)
    return path


def heard(path: Path, track: int = 0) -> tuple[list[float], float, int]:
    """The times at which beeps begin, the time at which the audio ends, and the number of samples.

    Times are in seconds after the first frame.
    """
    with av.open(str(path)) as source:
        video_start = min(packet.pts * packet.time_base for packet in source.demux(video=0) if packet.size)
    with av.open(str(path)) as source:
        stream = source.streams.audio[track]
        rate, audio_start, blocks = stream.rate, None, []
        for frame in source.decode(stream):
            audio_start = frame.pts * frame.time_base - video_start if audio_start is None else audio_start
            values = frame.to_ndarray().astype(float)
            blocks.append(values[0] if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)[:, 0])
    signal = np.abs(np.concatenate(blocks))
    loud = np.flatnonzero(signal > 0.4 * signal.max())
    starts = [int(loud[0]), *(int(b) for a, b in pairwise(loud) if b - a > rate * BEEP)]
    return [float(audio_start) + start / rate for start in starts], float(audio_start) + len(signal) / rate, len(signal)
