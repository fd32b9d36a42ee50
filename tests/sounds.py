"""Clips with beeps at known times, and where they are heard."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

BEEP = 0.05  # seconds


def beeping(times: Sequence[float], seconds: float, rate: int) -> np.ndarray:
    """(samples,) int16: a tone of 1 kHz from each of `times` on."""
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
    """A clip of 10 frames a second with tracks of sound.

    pause: (number, seconds): from that packet on, the sound comes so much later.
    """
    with av.open(str(path), "w") as sink:
        picture = sink.add_stream(video, rate=10, options={"g": "5"})
        picture.width, picture.height = 64, 48
        packets = []
        for number in range(round(seconds * 10)):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts, frame.time_base = number, Fraction(1, 10)
            packets += picture.encode(frame)
        packets += picture.encode(None)
        for track in range(tracks):
            sound = sink.add_stream(codec, rate=rate, options={"strict": "experimental"})
            sound.layout, sound.bit_rate = layout, 64_000
            values = beeping([time + track / 10 for time in times], seconds, rate)
            channels = av.AudioLayout(layout).nb_channels
            frame = av.AudioFrame.from_ndarray(np.repeat(values, channels).reshape(1, -1), "s16", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            made = []
            for part in (*av.AudioResampler(sound.format, sound.layout, rate).resample(frame), None):
                made += sound.encode(part)
            if pause is not None:
                for packet in made[pause[0] :]:
                    packet.pts += round(pause[1] / packet.time_base)
                    packet.dts = packet.pts
            packets += made
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            sink.mux(packet)
    return path


def heard(path: Path, track: int = 0) -> tuple[list[float], float, int]:
    """(times at which beeps begin, time at which the sound ends, in seconds after the first picture; samples)."""
    with av.open(str(path)) as source:
        shown = min(packet.pts * packet.time_base for packet in source.demux(video=0) if packet.size)
    with av.open(str(path)) as source:
        stream = source.streams.audio[track]
        rate, begin, parts = stream.rate, None, []
        for frame in source.decode(stream):
            begin = frame.pts * frame.time_base - shown if begin is None else begin
            values = frame.to_ndarray().astype(float)
            parts.append(values[0] if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)[:, 0])
    signal = np.abs(np.concatenate(parts))
    loud = np.flatnonzero(signal > 0.4 * signal.max())
    starts = [int(loud[0]), *(int(b) for a, b in pairwise(loud) if b - a > rate * BEEP)]
    return [float(begin) + start / rate for start in starts], float(begin) + len(signal) / rate, len(signal)
