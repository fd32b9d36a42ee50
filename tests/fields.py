"""A clip that is made of fields in its second half."""

from __future__ import annotations

from pathlib import Path

import av

from tests.media import make_clip


def make_mixed(folder: Path, suffix: str = "ts") -> Path:
    """MPEG-2 at 25 frames a second: frames 0 to 24 are whole, then frames 0 to 24 come again as fields.

    FFmpeg's decoder loses frame 24, the last one before the sequence header changes.
    """
    path = folder / f"mixed.{suffix}"
    with av.open(str(path), "w") as sink:
        copy = None
        for fields in (False, True):
            part = make_clip(
                folder / "part.mkv", 25, codec="mpeg2video", rate=25, interlaced=fields, options={"g": "5", "bf": "0"}
            )
            with av.open(str(part)) as source:
                copy = copy or sink.add_stream_from_template(source.streams.video[0], opaque=True)
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.pts += 1000 * fields  # milliseconds
                        packet.dts = packet.pts
                        packet.stream = copy
                        sink.mux(packet)
    part.unlink()
    return path
