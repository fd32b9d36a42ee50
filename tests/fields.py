"""Makes a clip whose second half is interlaced."""

from __future__ import annotations

from pathlib import Path

import av

from tests.media import make_clip


def make_mixed(folder: Path, suffix: str = "ts") -> Path:
    """Write MPEG-2 at 25 frames per second: progressive frames that show 0 to 24, then interlaced ones that do.

    FFmpeg's decoder loses the frame that shows 24 in the first half, because the sequence header changes after it.
    """
    path = folder / f"mixed.{suffix}"
    with av.open(str(path), "w") as output:
        copy = None
        for fields in (False, True):
            part = make_clip(
                folder / "part.mkv", 25, codec="mpeg2video", rate=25, interlaced=fields, options={"g": "5", "bf": "0"}
            )
            with av.open(str(part)) as source:
                copy = copy or output.add_stream_from_template(source.streams.video[0], opaque=True)
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.pts += 1000 * fields  # milliseconds
                        packet.dts = packet.pts
                        packet.stream = copy
                        output.mux(packet)
    part.unlink()
    return path
