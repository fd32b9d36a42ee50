"""Makes files that are damaged or unusual, or that state wrong properties."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.stream import Disposition

from tests.media import make_clip, number_of

NO_REORDER = {"bf": "0"}


def numbers(path: Path) -> list[int]:
    """The numbers that the frames of a clip show, in presentation order."""
    with av.open(str(path)) as container:
        return [number_of(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def frame_hashes(path: Path) -> list[str]:
    """A hash of every frame of a clip."""
    with av.open(str(path)) as container:
        return [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in container.decode(video=0)]


def make_gray_clip(path: Path, lumas: Sequence[np.ndarray]) -> Path:
    """Write a lossless grey clip of `lumas`, (height, width) uint8, at 10 frames per second."""
    height, width = lumas[0].shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.color_range = 1
        for index, luma in enumerate(lumas):
            grey = np.full((height * 3 // 2, width), 128, np.uint8)
            grey[:height] = luma
            frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def remux(
    source: Path,
    target: Path,
    *,
    filters: str = "",
    shift: Fraction = Fraction(0),
    muxing: dict[str, str] | None = None,
) -> Path:
    """Copy the streams of `source`: the video through bitstream `filters`, and all streams `shift` seconds later."""
    with av.open(str(source)) as reader, av.open(str(target), "w", options=muxing or {}) as writer:
        copies = {stream.index: writer.add_stream_from_template(stream, opaque=True) for stream in reader.streams}
        video = reader.streams.video[0]
        filtering = BitStreamFilterContext(filters, video, copies[video.index]) if filters else None
        for packet in reader.demux():
            if filtering is not None and packet.stream_index == video.index:
                packets = filtering.filter(packet if packet.size else None)
            else:
                packets = [packet] if packet.size else []
            for result in packets:
                ticks = round(shift / packet.time_base) if shift else 0
                if ticks:
                    result.pts, result.dts = result.pts + ticks, result.dts + ticks
                result.stream = copies[packet.stream_index]
                writer.mux(result)
    return target


def concatenate(target: Path, *parts: Path) -> Path:
    """Write the bytes of the files `parts`, one after the other."""
    target.write_bytes(b"".join(part.read_bytes() for part in parts))
    return target


def make_audio_file(path: Path, *, cover: bool = False) -> Path:
    """Write a second of silence, with a cover image if `cover`."""
    with av.open(str(path), "w") as container:
        track = container.add_stream("aac", rate=48000)
        if cover:
            video = container.add_stream("mjpeg", rate=1)
            video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
            video.disposition = Disposition.attached_pic
            for packet in [*video.encode(av.VideoFrame(64, 48, "yuvj420p")), *video.encode(None)]:
                container.mux(packet)
        for block in range(48):
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48000, 1024 * block, Fraction(1, 48000)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def png_bomb(path: Path, width: int, height: int) -> Path:
    """Write a PNG of a few bytes whose header states an image of `width` x `height`."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    )
    return path


def y4m(path: Path, width: int, height: int, *, frames: int = 1, rate: str = "25:1", data: bytes | None = None) -> Path:
    """Write an uncompressed clip. `data`: bytes of each frame, possibly fewer than the header states; None: zeros."""
    if data is None:
        data = bytes(width * height * 3)
    header = f"YUV4MPEG2 W{width} H{height} F{rate} Ip A1:1 C444\n".encode()
    path.write_bytes(header + (b"FRAME\n" + data) * frames)
    return path


def with_matroska_number(path: Path, element: bytes, value: float) -> Path:
    """Overwrite the first float64 of the Matroska element with the ID `element`."""
    data = bytearray(path.read_bytes())
    place = data.index(element + b"\x88") + len(element) + 1
    data[place : place + 8] = struct.pack(">d", value)
    path.write_bytes(data)
    return path


def many_streams(path: Path, count: int) -> Path:
    """Write a clip with `count` audio tracks."""
    return make_clip(path, 5, audio="pcm_u8" if path.suffix == ".mkv" else "aac", audio_tracks=count)


def with_edit_list(source: Path, target: Path, seconds: Fraction) -> Path:
    """Copy `source` to an MP4 that holds the packets of the first `seconds`, but hides them with an edit list."""
    return remux(source, target, shift=-seconds, muxing={"avoid_negative_ts": "disabled"})


def with_time_jump(source: Path, target: Path, number: int, ticks: int) -> Path:
    """Copy the video of `source`, with the packets from `number` on later by `ticks`."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        copy = writer.add_stream_from_template(reader.streams.video[0], opaque=True)
        for index, packet in enumerate(packet for packet in reader.demux(video=0) if packet.size):
            if index >= number:
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            packet.stream = copy
            writer.mux(packet)
    return target


def with_tiny_audio_packets(source: Path, target: Path, count: int) -> Path:
    """Copy the video of `source`, and append a second of audio in `count` packets of one sample each."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        copy = writer.add_stream_from_template(reader.streams.video[0], opaque=True)
        track = writer.add_stream("pcm_u8", rate=48000, layout="mono")
        for packet in reader.demux(video=0):
            if packet.size:
                packet.stream = copy
                writer.mux(packet)
        for number in range(count):
            packet = av.Packet(b"\x80")
            packet.stream, packet.time_base = track, Fraction(1, 1000)
            packet.pts = packet.dts = number * 1000 // count
            writer.mux(packet)
    return target


def with_noise_in_audio(path: Path, packets: Sequence[int]) -> Path:
    """Overwrite the first 8 bytes of some audio packets of an MPEG-TS file. `packets`: their numbers."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        # An audio packet begins with the sync word of ADTS, after its headers. Video data may contain it by chance.
        starts = [data.index(b"\xff\xf1", packet.pos) for packet in container.demux(audio=0) if packet.size]
    for number in packets:
        data[starts[number] : starts[number] + 8] = bytes(8)
    path.write_bytes(data)
    return path


def with_avi_rate(path: Path, rate: int, scale: int) -> Path:
    """Make the first stream of an AVI state `rate` / `scale` frames per second, and the main header no frame time."""
    data = bytearray(path.read_bytes())
    place = data.index(b"strh") + 8
    data[place + 20 : place + 28] = struct.pack("<II", scale, rate)
    place = data.index(b"avih") + 8
    data[place : place + 4] = bytes(4)
    path.write_bytes(data)
    return path
