"""`vfi interp`: a clip at a higher frame rate, or slowed down."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vfi_cli.cli import console
from vfi_cli.cli.options import (
    Debug,
    Device,
    Fps,
    Json,
    KeepRatio,
    Model,
    Multi,
    Precision,
    Quiet,
    Slowmo,
    Static,
    Verbose,
    routing_of,
)
from vfi_cli.errors import UsageError
from vfi_cli.timeline import parse_multiple, parse_time

if TYPE_CHECKING:
    from vfi_cli.jobs.interp import Summary


class SceneMode(StrEnum):
    NEAREST = "nearest"
    HOLD = "hold"
    BLEND = "blend"


def interp_command(
    source: Annotated[Path, typer.Argument(help="Video file.")],
    target: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT", help="Video file to write.", show_default="IN_60fps.mp4"),
    ] = None,
    fps: Fps = None,
    multi: Multi = None,
    slowmo: Slowmo = None,
    model: Model = "lite",
    keep_ratio: KeepRatio = None,
    static: Static = False,
    device: Device = "auto",
    precision: Precision = "auto",
    scene_threshold: Annotated[
        float | None,
        typer.Option("--scene-threshold", metavar="0-1", help="Lower finds more cuts.", show_default="0.38"),
    ] = None,
    scene_mode: Annotated[
        SceneMode, typer.Option("--scene-mode", help="What to show between two scenes.")
    ] = SceneMode.NEAREST,
    no_scene_detect: Annotated[
        bool, typer.Option("--no-scene-detect", help="Take the clip for a single scene.")
    ] = False,
    start: Annotated[str | None, typer.Option("--ss", metavar="TIME", help="Start: 12.5 or 00:01:02.5.")] = None,
    stop: Annotated[str | None, typer.Option("--to", metavar="TIME", help="End, on the clock of --ss.")] = None,
    duration: Annotated[str | None, typer.Option("-t", metavar="TIME", help="Length, instead of --to.")] = None,
    codec: Annotated[str | None, typer.Option("-c:v", "--codec", metavar="NAME", help="Video encoder.")] = None,
    crf: Annotated[float | None, typer.Option("--crf", metavar="N", help="Quality: lower is better.")] = None,
    preset: Annotated[str | None, typer.Option("--preset", metavar="NAME", help="Speed of the encoder.")] = None,
    pix_fmt: Annotated[str | None, typer.Option("--pix-fmt", metavar="NAME", help="Pixel format.")] = None,
    codec_options: Annotated[
        list[str] | None, typer.Option("-e", metavar="KEY=VALUE", help="Option for the encoder; repeatable.")
    ] = None,
    no_audio: Annotated[bool, typer.Option("-an", help="Leave the sound out.")] = False,
    overwrite: Annotated[bool, typer.Option("-y", help="Replace the output if it exists.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="A damaged input is an error: keep nothing.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Raise the frame rate of a video, or slow it down. Without --fps, -m and --slowmo the rate is doubled.

    The duration stays, unless it is --slowmo. Exit code 5 means done, but the input was damaged.
    """
    console.set_up_logging(quiet=quiet, verbose=verbose or debug)
    if stop is not None and duration is not None:
        raise UsageError("--to and -t exclude each other", remedy="give one of them")
    if no_scene_detect and scene_threshold is not None:
        raise UsageError("--scene-threshold and --no-scene-detect exclude each other")
    begin = parse_time(start or "0", "--ss")
    end = parse_time(stop, "--to") if stop is not None else None
    if duration is not None:
        end = begin + parse_time(duration, "-t")
    times = parse_multiple(multi, "-m") if multi is not None else None
    slower = parse_multiple(slowmo, "--slowmo") if slowmo is not None else None
    routing = routing_of(keep_ratio, static)
    encoder_options = _pairs(codec_options or [])

    from vfi_cli.jobs.plan import InterpJob
    from vfi_cli.scene import DEFAULT_THRESHOLD

    if scene_threshold is None and not no_scene_detect:
        scene_threshold = DEFAULT_THRESHOLD
    job = InterpJob(
        source=source,
        target=target,
        fps=fps,
        multi=times,
        slowmo=slower,
        start=begin,
        stop=end,
        model=model,
        routing=routing,
        device=device,
        precision=precision,
        scene_threshold=scene_threshold,
        cut_mode=scene_mode.value,
        codec=codec,
        crf=crf,
        preset=preset,
        pix_fmt=pix_fmt,
        codec_options=encoder_options,
        audio=not no_audio,
        overwrite=overwrite,
        strict=strict,
    )
    from vfi_cli.jobs.interp import run

    with console.ProgressBar(quiet=quiet) as bar:
        summary = run(job, bar)
    if not quiet:
        for line in describe(summary):
            console.say(line)
    if as_json:
        console.print_data(summary.to_dict())
    return summary.exit_code


def describe(summary: Summary) -> Iterator[str]:
    """The summary for people, line by line."""
    s = summary
    damaged = f"; {s.damaged} DAMAGED in the input" if s.damaged else ""
    rates = ", ".join(f"{stage.name} {stage.rate:.1f} fps" for stage in s.stages)
    shares = ", ".join(f"{share:.0%}" for share in s.route_shares)
    yield f"{s.target}"
    yield f"  frames    {s.frames_in} in, {s.frames_out} out: {s.generated} generated, {s.copied} copied{damaged}"
    yield f"  cuts      {s.cuts}"
    yield f"  duration  {float(s.duration_in):.3f} s in, {float(s.duration_out):.3f} s out"
    yield f"  time      {console.clock(s.seconds)}, {s.frames_out / s.seconds:.1f} fps"
    yield f"  stages    {rates}; bottleneck: {s.bottleneck}"
    yield f"  refined   {shares} of the patches, per block"
    yield f"  memory    {s.peak_bytes / 2**20:.0f} MiB at most; {s.device}"


def _pairs(texts: list[str]) -> dict[str, str]:
    """["key=value", ...] -> {key: value}"""
    for text in texts:
        if not text.partition("=")[0] or "=" not in text:
            raise UsageError(f"-e {text!r} is not KEY=VALUE", remedy="e.g. -e tune=film")
    return dict(text.split("=", 1) for text in texts)
