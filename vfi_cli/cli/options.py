"""Options that several commands share, each spelled once."""

from __future__ import annotations

from typing import Annotated

import typer

from vfi_cli.errors import UsageError
from vfi_cli.model.config import Routing, check_routing

Fps = Annotated[str | None, typer.Option("--fps", metavar="R", help="Output rate: 60, 59.94, 60000/1001, 2.5x.")]
InputFps = Annotated[
    str | None,
    typer.Option(
        "--input-fps",
        metavar="R",
        help="Frame rate of the input. The times in the file are ignored; the sound does not change.",
        show_default="its own; 25 for pictures",
    ),
]
VideoStream = Annotated[
    int | None,
    typer.Option(
        "--video-stream",
        metavar="N",
        min=0,
        help="Number of the video stream to use, from 0, as in FFmpeg's 0:v:N.",
    ),
]
Multi = Annotated[
    str | None,
    typer.Option("-m", "--multi", metavar="N", help="Frames per source frame.", show_default="2"),
]
Slowmo = Annotated[
    str | None, typer.Option("--slowmo", metavar="N", help="Last N times longer, at the same rate, silent.")
]
Model = Annotated[str, typer.Option("--model", metavar="base|lite|FILE", help="Network, or a weights file.")]
Device = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda[:N]", help="Where the network runs.")]
Precision = Annotated[
    str, typer.Option("--precision", metavar="auto|fp32|bf16|fp16", help="Number format of the network.")
]
KeepRatio = Annotated[
    str | None,
    typer.Option(
        "--keep-ratio",
        metavar="A,B,C,D",
        help="Share of the patches that each of the four refine blocks works on: less is faster.",
        show_default="the router decides",
    ),
]
Static = Annotated[bool, typer.Option("--static", help="Every block works on every patch: slowest, best.")]
Deinterlace = Annotated[bool, typer.Option("--deinterlace", help="Read interlaced video as whole pictures (bwdif).")]
Progressive = Annotated[
    bool, typer.Option("--progressive", help="Read pictures as whole, even if the file marks them as fields.")
]
Start = Annotated[str | None, typer.Option("--ss", metavar="TIME", help="Start: 12.5 or 00:01:02.5.")]
Stop = Annotated[str | None, typer.Option("--to", metavar="TIME", help="End, on the clock of --ss.")]
Overwrite = Annotated[bool, typer.Option("-y", help="Replace the output if it exists.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Errors only.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback with an error, and log everything.")]


def routing_of(keep_ratio: str | None, static: bool = False) -> Routing:
    """What `--keep-ratio` and `--static` ask for; without them the router decides.

    Raises UsageError if both are given, and unless the shares are four numbers from 0 to 1.
    """
    if static:
        if keep_ratio is not None:
            raise UsageError("--static and --keep-ratio exclude each other")
        return None
    return "router" if keep_ratio is None else keep_ratios(keep_ratio)


def keep_ratios(text: str) -> tuple[float, ...]:
    """ "0.1,0.4,0.6,0.9" -> (0.1, 0.4, 0.6, 0.9); UsageError unless they are four numbers from 0 to 1."""
    try:
        ratios = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--keep-ratio {text} is not numbers, with commas between them") from None
    check_routing(ratios)
    return ratios
