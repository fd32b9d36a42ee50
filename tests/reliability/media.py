"""Files that are damaged, odd, or lie; each made when a test asks for it."""

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
    """The numbers that the pictures of a clip show, in the order in which a player shows them."""
    with av.open(str(path)) as container:
        return [number_of(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def pictures(path: Path) -> list[str]:
    """A hash of every picture of a clip."""
    with av.open(str(path)) as container:
        return [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in container.decode(video=0)]


def shown(path: Path, lumas: Sequence[np.ndarray]) -> Path:
    """A lossless grey clip that shows `lumas`, (height, width) uint8, at 10 frames a second."""
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


def copied(
    source: Path,
    target: Path,
    *,
    filters: str = "",
    shift: Fraction = Fraction(0),
    muxing: dict[str, str] | None = None,
) -> Path:
    """`source`, stream-copied: its picture through bitstream `filters`, and all of it `shift` seconds later."""
    with av.open(str(source)) as reader, av.open(str(target), "w", options=muxing or {}) as writer:
        copies = {stream.index: writer.add_stream_from_template(stream, opaque=True) for stream in reader.streams}
        picture = reader.streams.video[0]
        filtering = BitStreamFilterContext(filters, picture, copies[picture.index]) if filters else None
        for packet in reader.demux():
            if filtering is not None and packet.stream_index == picture.index:
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


def joined(target: Path, *parts: Path) -> Path:
    """The bytes of some files, one after the other."""
    target.write_bytes(b"".join(part.read_bytes() for part in parts))
    return target


def sound(path: Path, *, cover: bool = False) -> Path:
    """A second of silence, with a picture of its album if asked for."""
    with av.open(str(path), "w") as container:
        track = container.add_stream("aac", rate=48000)
        if cover:
            picture = container.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuvj420p"
            picture.disposition = Disposition.attached_pic
            for packet in [*picture.encode(av.VideoFrame(64, 48, "yuvj420p")), *picture.encode(None)]:
                container.mux(packet)
        for block in range(48):
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48000, 1024 * block, Fraction(1, 48000)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def png_bomb(path: Path, width: int, height: int) -> Path:
    """A PNG whose header promises a picture that its few bytes do not hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    )
    return path


def y4m(path: Path, width: int, height: int, *, frames: int = 1, rate: str = "25:1", data: bytes | None = None) -> Path:
    """An uncompressed clip; `data` is that of each frame, which need not be as much as the header promises."""
    if data is None:
        data = bytes(width * height * 3)
    header = f"YUV4MPEG2 W{width} H{height} F{rate} Ip A1:1 C444\n".encode()
    path.write_bytes(header + (b"FRAME\n" + data) * frames)
    return path


def with_matroska_number(path: Path, element: bytes, value: float) -> Path:
    """A Matroska file with the first float64 of an `element`, by its ID, overwritten."""
    data = bytearray(path.read_bytes())
    place = data.index(element + b"\x88") + len(element) + 1
    data[place : place + 8] = struct.pack(">d", value)
    path.write_bytes(data)
    return path


def many_streams(path: Path, count: int) -> Path:
    """A clip with `count` sound tracks."""
    return make_clip(path, 5, audio="pcm_u8" if path.suffix == ".mkv" else "aac", audio_tracks=count)


def edited(source: Path, target: Path, seconds: Fraction) -> Path:
    """An MP4 whose edit list hides the first `seconds`, although their packets are there."""
    return copied(source, target, shift=-seconds, muxing={"avoid_negative_ts": "disabled"})


def with_leap(source: Path, target: Path, number: int, ticks: int) -> Path:
    """The picture of `source`, with the packets from `number` on later by `ticks`."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        copy = writer.add_stream_from_template(reader.streams.video[0], opaque=True)
        for index, packet in enumerate(packet for packet in reader.demux(video=0) if packet.size):
            if index >= number:
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            packet.stream = copy
            writer.mux(packet)
    return target


def with_tiny_sound(source: Path, target: Path, count: int) -> Path:
    """The picture of `source`, and behind it a second of sound in `count` packets of one sample."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        copy = writer.add_stream_from_template(reader.streams.video[0], opaque=True)
        sound = writer.add_stream("pcm_u8", rate=48000, layout="mono")
        for packet in reader.demux(video=0):
            if packet.size:
                packet.stream = copy
                writer.mux(packet)
        for number in range(count):
            packet = av.Packet(b"\x80")
            packet.stream, packet.time_base = sound, Fraction(1, 1000)
            packet.pts = packet.dts = number * 1000 // count
            writer.mux(packet)
    return target


def with_noise_in_sound(path: Path, packets: Sequence[int]) -> Path:
    """An MPEG-TS with some packets of its sound, by their number, overwritten from their start on."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        # Each begins with the sync word of its ADTS frame, after the headers; pictures may hold one by chance.
        starts = [data.index(b"\xff\xf1", packet.pos) for packet in container.demux(audio=0) if packet.size]
    for number in packets:
        data[starts[number] : starts[number] + 8] = bytes(8)
    path.write_bytes(data)
    return path


def with_avi_rate(path: Path, rate: int, scale: int) -> Path:
    """An AVI whose first stream claims `rate` / `scale` frames a second; and no time per frame in the main header."""
    data = bytearray(path.read_bytes())
    place = data.index(b"strh") + 8
    data[place + 20 : place + 28] = struct.pack("<II", scale, rate)
    place = data.index(b"avih") + 8
    data[place : place + 4] = bytes(4)
    path.write_bytes(data)
    return path
