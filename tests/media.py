"""Makes small clips with PyAV, and reads their times and packets.

Every frame shows its number as 8 black or white cells side by side, the most significant bit first. The cells survive
lossy coding. `number_of` reads the number, so a test can find lost, repeated and swapped frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 8
BLACK, WHITE = 16, 235


def numbered_luma(number: int, width: int, height: int) -> np.ndarray:
    """Luma that shows `number`: (height, width) uint8, values 16 and 235."""
    bits = [number >> (BITS - 1 - bit) & 1 for bit in range(BITS)]
    columns = np.arange(width) * BITS // width
    row = np.where(np.array(bits)[columns] == 1, WHITE, BLACK)
    return np.broadcast_to(row, (height, width)).astype(np.uint8)


def number_of(luma: np.ndarray) -> int:
    """The number that a frame shows. `luma`: (height, width)."""
    height, width = luma.shape
    rows = luma[height // 4 : height - height // 4 or 1].astype(float).mean(axis=0)
    number = 0
    for bit in range(BITS):
        middle = width * (2 * bit + 1) // (2 * BITS)
        number = number << 1 | int(rows[middle] > (BLACK + WHITE) / 2)
    return number


def make_clip(
    path: Path,
    frames: int = 10,
    *,
    width: int = 64,
    height: int = 48,
    rate: Fraction | int = 10,
    times: Sequence[Fraction] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    planes: Sequence[np.ndarray] | None = None,
    pictures: Sequence[np.ndarray] | None = None,
    shown: Sequence[int] | None = None,
    matrix: int = 2,
    primaries: int = 2,
    transfer: int = 2,
    full_range: bool = False,
    options: dict[str, str] | None = None,
    audio: str | None = None,
    audio_tracks: int = 1,
    audio_seconds: Fraction | None = None,
    interlaced: bool = False,
    sar: Fraction | None = None,
    rotation: int = 0,
    mirrored: bool = False,
    metadata: dict[str, str] | None = None,
    chapters: Sequence[tuple[int, int, str]] = (),
    subtitle: bool = False,
    format: str | None = None,
    faststart: bool = False,
    muxing: dict[str, str] | None = None,
) -> Path:
    """Write a clip and return its path.

    Args:
        times: times of the frames, in seconds; None: multiples of 1 / rate.
        planes: the planes of every frame, instead of its number.
        pictures: the luma of each frame, instead of its number.
        shown: the numbers that the frames show; None: 0, 1, 2, ...
        matrix, primaries, transfer: code points of ITU-T H.273; 2 leaves the clip untagged.
        audio: encoder of the audio tracks, which hold a rising tone; None: no audio.
        audio_tracks: number of audio tracks.
        audio_seconds: duration of the audio in seconds; None: as long as the video.
        chapters: (start, end, title), in seconds.
        subtitle: add a SubRip track with one line.
        faststart: write the index of an MP4 before its data; replaces `muxing`.
        muxing: options of the muxer.
    """
    rate = Fraction(rate)
    base = time_base or 1 / rate
    times = times if times is not None else [index / rate for index in range(frames)]
    muxing = {"movflags": "+faststart"} if faststart else muxing or {}
    with av.open(str(path), "w", format=format, container_options=muxing) as container:
        video = container.add_stream(codec, rate=rate, options={"threads": "1", **(options or {})})
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        context = video.codec_context
        context.time_base = base
        context.colorspace, context.color_primaries, context.color_trc = matrix, primaries, transfer
        context.color_range = 2 if full_range else 1
        context.flags |= av.codec.context.Flags.frame_duration
        if interlaced:
            context.flags |= av.codec.context.Flags.interlaced_dct | av.codec.context.Flags.interlaced_me
        if sar is not None:
            video.sample_aspect_ratio = sar
        if rotation or mirrored:
            video.set_display_rotation(rotation, hflip=mirrored)
        container.metadata.update(metadata or {})
        container.set_chapters(
            [
                {"id": n, "start": a, "end": b, "time_base": Fraction(1), "metadata": {"title": title}}
                for n, (a, b, title) in enumerate(chapters)
            ]
        )
        strict = {"strict": "experimental"}  # for the Vorbis encoder
        tracks = [container.add_stream(audio, rate=48000, options=strict) for _ in range(audio_tracks)] if audio else []
        text = container.add_stream("subrip") if subtitle else None
        if text is not None:
            text.codec_context.subtitle_header = b"[Script Info]\n"
        ends = [*times[1:], times[-1] + 1 / rate]
        packets = []
        for index, (time, end) in enumerate(zip(times, ends, strict=True)):
            planes_of_frame = [pictures[index]] if pictures else planes
            number = shown[index] if shown else index
            frame = _frame(planes_of_frame or _numbered_planes(number, width, height, pix_fmt), width, height, pix_fmt)
            frame.pts, frame.time_base = round(time / base), base
            frame.duration = max(1, round((end - time) / base))
            packets += video.encode(frame)
        packets += video.encode(None)
        for number, track in enumerate(tracks):
            packets += _tone(track, 330 * (number + 1), times[0], audio_seconds or ends[-1] - times[0])
        if text is not None:
            line = av.Packet(b"hello")
            line.stream, line.pts, line.dts, line.duration = text, 0, 0, 500
            line.time_base = Fraction(1, 1000)
            packets.append(line)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def _numbered_planes(index: int, width: int, height: int, pix_fmt: str) -> list[np.ndarray]:
    luma = numbered_luma(index, width, height)
    if av.VideoFormat(pix_fmt).is_rgb:
        return [np.repeat(luma[..., None], 3, axis=2)]
    return [luma]


def _frame(planes: Sequence[np.ndarray], width: int, height: int, pix_fmt: str) -> av.VideoFrame:
    """A frame of planes in the order of the pixel format. Missing planes are neutral chroma.

    8-bit values are scaled to the depth of the format.
    """
    if planes[0].ndim == 3:
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(planes[0]), "rgb24").reformat(format=pix_fmt)
    frame = av.VideoFrame(width, height, pix_fmt)
    dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    scale = 1 << (frame.format.components[0].bits - 8)
    for index, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)
        rows[:] = 128 * scale
        if index < len(planes):
            rows[:, : plane.width] = planes[index].astype(dtype) * (scale if planes[index].dtype == np.uint8 else 1)
    return frame


def _tone(stream: av.AudioStream, pitch: int, start: Fraction, seconds: Fraction) -> list[av.Packet]:
    packets, block = [], 1024
    for begin in range(0, round(seconds * 48000), block):
        time = np.arange(begin, begin + block) / 48000
        phase = 2 * np.pi * (pitch + 50 * time) * time  # a rising tone, so that all packets differ
        samples = np.tile((np.sin(phase) * 8000).astype(np.int16), (2, 1))
        frame = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1).copy(), format="s16", layout="stereo")
        frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
        frame.pts = begin + round(start * 48000)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def audio_packets(path: Path, track: int = 0) -> list[tuple[Fraction, bytes]]:
    """The (time in seconds, data) of every packet of an audio track."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in container.demux(stream) if packet.size]


def video_times(path: Path) -> list[Fraction]:
    """The times of the frames in seconds, in presentation order."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return sorted(packet.pts * packet.time_base for packet in container.demux(stream) if packet.size)


def truncated(path: Path, share: float, target: Path) -> Path:
    """Write the first `share` (0 to 1) of the bytes of a file to `target`."""
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def corrupted(path: Path, target: Path, *, every: int = 7, seed: int = 0) -> Path:
    """Copy the video stream to `target`, with noise in the second half of every `every`th packet."""
    rng = np.random.default_rng(seed)
    with av.open(str(path)) as source, av.open(str(target), "w") as sink:
        stream = source.streams.video[0]
        copy = sink.add_stream_from_template(stream, opaque=True)
        for number, packet in enumerate(source.demux(stream)):
            if not packet.size:
                continue
            if number % every == every - 1:
                data = bytearray(bytes(packet))
                middle = len(data) // 2
                data[middle:] = rng.integers(0, 256, len(data) - middle, dtype=np.uint8).tobytes()
                noisy = av.Packet(bytes(data))
                noisy.pts, noisy.dts, noisy.duration = packet.pts, packet.dts, packet.duration
                noisy.time_base, noisy.is_keyframe = packet.time_base, packet.is_keyframe
                packet = noisy
            packet.stream = copy
            sink.mux(packet)
    return target
