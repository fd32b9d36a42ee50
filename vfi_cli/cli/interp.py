"""`vfi interp`: raises the frame rate of a clip, or slows it down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vfi_cli.cli import console
from vfi_cli.cli.interp_options import InterpOptions, takes_interp_options
from vfi_cli.cli.options import OUTPUT, SOURCE, Debug, Json, Quiet, Verbose
from vfi_cli.errors import UsageError

if TYPE_CHECKING:
    from vfi_cli.jobs.interp.summary import Summary

EXAMPLES = """\b
Examples:
  vfi interp in.mp4 --fps 60
  vfi interp in.mp4 --slowmo 4 -o slow.mp4
  vfi interp in.mp4 --ss 1:02.5 -t 10 -c:v libx265 --crf 22 -o part.mkv
  vfi interp 'shot/%04d.exr' --input-fps 24 --fps 48 -o 'smooth/%05d.exr'
"""


@takes_interp_options
def interp_command(
    source: Annotated[
        Path | None, typer.Argument(metavar="IN", help="Video, folder or pattern of images; - is standard input.")
    ] = None,
    named: Annotated[
        Path | None,
        typer.Option("-i", "--input", metavar="IN", help="The source, in place of IN.", rich_help_panel=SOURCE),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Video, GIF or WebP file; FOLDER/ or pattern of images; - is standard output.",
            show_default="IN_60fps.mp4",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    *,
    options: InterpOptions,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Raise the frame rate of a video, or slow it down.

    Without --fps, -m and --slowmo the frame rate is doubled. The duration stays the same, except with --slowmo.
    FFmpeg's -ss, -to, -crf, -preset and -pix_fmt are understood too.

    Exit code 5: the output is complete, but the source was damaged.
    """
    console.set_up_logging(quiet=quiet, verbose=verbose or debug)
    sources = [path for path in (source, named) if path is not None]
    if len(sources) != 1:
        raise UsageError("give exactly one input", remedy="vfi interp IN, or vfi interp -i IN")
    if as_json and target == "-":
        raise UsageError("--json and -o - exclude each other", remedy="both write to standard output")

    from vfi_cli.jobs.interp.run_clip import run
    from vfi_cli.video.formats import output_path

    job = options.job(sources[0], output_path(target) if target is not None else None)

    with console.ProgressBar(quiet=quiet) as bar:
        summary = run(job, bar)
    if not quiet:
        for line in describe(summary):
            console.say(line)
    if as_json:
        console.print_data(summary.to_dict())
    return summary.exit_code


def describe(summary: Summary) -> Iterator[str]:
    """The lines of the summary that users see."""
    s = summary
    kept = f"; {s.kept} from an interrupted run" if s.kept else ""
    replaced = f"; {s.replaced} repeats replaced" if s.replaced else ""
    pauses = f"; {s.pauses} pause{'s' * (s.pauses > 1)} held" if s.pauses else ""
    damaged = f"; {s.damaged} DAMAGED in the input" if s.damaged else ""
    rates = ", ".join(f"{stage.name} {stage.rate:.1f} fps" for stage in s.stages)
    shares = ", ".join(f"{share:.0%}" for share in s.route_shares)
    yield f"{s.target}"
    made = f"{s.generated} generated, {s.copied} copied{kept}{replaced}{pauses}{damaged}"
    yield f"  frames    {s.frames_in} in, {s.frames_out} out: {made}"
    yield f"  cuts      {s.cuts}"
    for repair in s.repairs:
        yield f"  repaired  {repair}"
    yield f"  duration  {float(s.duration_in):.3f} s in, {float(s.duration_out):.3f} s out"
    yield f"  time      {console.clock(s.seconds)}, {(s.frames_out - s.kept) / s.seconds:.1f} fps"
    yield f"  stages    {rates}; bottleneck: {s.bottleneck}"
    yield f"  refined   {shares} of the patches, per block"
    yield f"  memory    {s.peak_bytes / 2**20:.0f} MiB at most; {s.device}"
