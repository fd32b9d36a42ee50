"""`vfi info`: shows what a clip holds, and what `vfi interp` would do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vfi_cli.cli import console
from vfi_cli.cli.options import Debug, Deinterlace, Fps, InputFps, Json, Multi, Progressive, Slowmo, VideoStream
from vfi_cli.timing.timeline import parse_multiple, parse_rate

if TYPE_CHECKING:
    from vfi_cli.jobs.interp.plan import Plan

EXAMPLES = """\b
Examples:
  vfi info in.mkv
  vfi info in.mp4 --fps 60 --json
"""


def info_command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Video file.")],
    fps: Fps = None,
    input_fps: InputFps = None,
    video_stream: VideoStream = None,
    multi: Multi = None,
    slowmo: Slowmo = None,
    deinterlace: Deinterlace = False,
    progressive: Progressive = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what a video holds, and what `vfi interp` would do.

    It lists the streams, the timing, and what the output would lose. No frame is generated, and no file
    is written.
    """
    from vfi_cli.jobs.interp.plan import InterpJob, plan_for_clip
    from vfi_cli.video.read.sources import open_source
    from vfi_cli.video.write.concat import find_lost_properties

    job = InterpJob(
        source=source,
        input_fps=parse_rate(input_fps, None, "--input-fps") if input_fps is not None else None,
        video_stream=video_stream,
        fps=fps,
        multi=parse_multiple(multi, "-m") if multi is not None else None,
        slowmo=parse_multiple(slowmo, "--slowmo") if slowmo is not None else None,
        deinterlace=deinterlace,
        progressive=progressive,
    )
    opened = open_source(source, job.input_fps, job.video_stream)
    clip = replace(opened.probe(), deinterlace=deinterlace, progressive=progressive)
    plan = plan_for_clip(job, opened, clip)
    notes = (*clip.notes, *find_lost_properties(plan.encode))
    if as_json:
        console.print_data(_as_dict(plan, notes))
    else:
        for line in _lines(plan, notes):
            console.print_line(line)


def _lines(plan: Plan, notes: Sequence[str]) -> Iterator[str]:
    clip = plan.clip
    spacing = {True: "variable", False: "constant", None: "unknown spacing"}[clip.vfr]
    yield f"{clip.path}: {clip.container}, {float(clip.duration):.3f} s from {float(clip.start):.3f} s"
    turned = f", rotated by {clip.rotation} degrees" if clip.rotation else ""
    turned += ", mirrored" if clip.mirrored else ""
    aspect = f", sample aspect {clip.sar.numerator}:{clip.sar.denominator}" if clip.sar != 1 else ""
    fields = ", interlaced" if clip.interlaced else ""
    if clip.fields_at is not None:
        fields = f", interlaced before {float(clip.fields_at):.1f} s"
    yield f"  video     {clip.codec}, {clip.width}x{clip.height}, {clip.pix_fmt}, {clip.color}{fields}{aspect}{turned}"
    yield f"  timing    {_rate(clip.average_rate)}, {spacing}, about {clip.frame_count} frames"
    left_out = {stream.info: f", left out of the output: {stream.reason}" for stream in plan.streams.left_out}
    become = {stream.info: f", becomes {stream.codec}" for stream in plan.streams.kept if stream.codec}
    for stream in clip.others:
        yield f"  stream    {stream}{left_out.get(stream, '')}{become.get(stream, '')}"
    if clip.chapters:
        yield f"  chapters  {len(clip.chapters)}"
    if clip.timecode:
        yield f"  timecode  {clip.timecode}"
    for note in notes:
        yield f"  note      {note}"
    if needed := _needed(plan):
        yield f"  output    none, unless vfi interp is given {needed}"
        return
    yield f"  output    {_rate(plan.rate)}, about {plan.frames} frames, {float(plan.duration_out):.3f} s: {plan.target}"


def _needed(plan: Plan) -> str:
    """The option without which `vfi interp` refuses the clip, if there is one."""
    clip = plan.clip
    if (clip.interlaced or clip.fields_at is not None) and not clip.takes_fields:
        return "--deinterlace or --progressive"
    if plan.streams.refused_audio is None:
        return ""
    from vfi_cli.video.streams.require_audio import find_remedies

    remedies = find_remedies(clip, plan.target)
    return f"-an (or {', or '.join(remedies)})" if remedies else "-an"


def _rate(rate: Any) -> str:
    exact = "" if rate.denominator == 1 else f" ({rate})"
    return f"{float(rate):.3f}".rstrip("0").rstrip(".") + f" fps{exact}"


def _as_dict(plan: Plan, notes: Sequence[str]) -> dict[str, Any]:
    clip = plan.clip
    return {
        "path": str(clip.path),
        "container": clip.container,
        "codec": clip.codec,
        "width": clip.width,
        "height": clip.height,
        "pix_fmt": clip.pix_fmt,
        "matrix": clip.color.matrix,
        "full_range": clip.color.full_range,
        "matrix_guessed": clip.color.guessed,
        "sample_aspect_ratio": str(clip.sar),
        "rotation": clip.rotation,
        "mirrored": clip.mirrored,
        "interlaced": clip.interlaced,
        "interlaced_before": float(clip.fields_at) if clip.fields_at is not None else None,
        "rate": str(clip.average_rate),
        "variable_rate": clip.vfr,
        "start": float(clip.start),
        "duration": float(clip.duration),
        "frames": clip.frame_count,
        "streams": [
            {
                "index": stream.index,
                "kind": stream.kind,
                "codec": stream.codec,
                "language": stream.language,
                "title": stream.title,
                "flags": list(stream.flags),
            }
            for stream in clip.others
        ],
        "chapters": len(clip.chapters),
        "timecode": clip.timecode,
        "notes": list(notes),
        "output": None if _needed(plan) else _output(plan),
    }


def _output(plan: Plan) -> dict[str, Any]:
    return {
        "path": str(plan.target),
        "rate": str(plan.rate),
        "frames": plan.frames,
        "duration": float(plan.duration_out),
        "left_out": [stream.info.index for stream in plan.streams.left_out],
    }
