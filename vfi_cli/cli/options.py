"""The options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from vfi_cli.errors import UsageError
from vfi_cli.model.config import Routing, check_routing

# Headings of the help.
RATE = "Rate and length"
NETWORK = "Network"
MOTION = "Cuts, pauses, repeated frames, overlays"
SOURCE = "Source"
ENCODER = "Video encoder"
STREAMS = "Audio, subtitles, tags"
OUTPUT = "Output"
PRESETS = "Presets"

Fps = Annotated[
    str | None,
    typer.Option(
        "--fps",
        metavar="RATE",
        help="Frame rate of the output: 60, 59.94, 60000/1001; 2.5x that of the source.",
        rich_help_panel=RATE,
    ),
]
InputFps = Annotated[
    str | None,
    typer.Option(
        "--input-fps",
        metavar="RATE",
        help="Frame rate of the source. Timestamps in the file are ignored; the audio does not change.",
        show_default="its own; 25 for images",
        rich_help_panel=SOURCE,
    ),
]
VideoStream = Annotated[
    int | None,
    typer.Option(
        "--video-stream",
        metavar="NUMBER",
        min=0,
        help="Video stream to use, counted from 0, as in FFmpeg's v:0.",
        rich_help_panel=SOURCE,
    ),
]
Multi = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--multi",
        metavar="COUNT",
        help="Output frames per source frame, 2 to 64.",
        show_default="2",
        rich_help_panel=RATE,
    ),
]
Slowmo = Annotated[
    str | None,
    typer.Option(
        "--slowmo",
        metavar="FACTOR",
        help="Slow motion: the clip lasts 2 to 64 times longer, at the same frame rate, without audio.",
        rich_help_panel=RATE,
    ),
]
Model = Annotated[
    str, typer.Option("--model", metavar="NAME|FILE", help="Network: lite, or a weights file.", rich_help_panel=NETWORK)
]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="auto|cpu|cuda[:N]", help="Device that runs the network.", rich_help_panel=NETWORK
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="auto|fp32|bf16|fp16",
        help="Number format of the network.",
        rich_help_panel=NETWORK,
    ),
]
KeepRatio = Annotated[
    str | None,
    typer.Option(
        "--keep-ratio",
        metavar="A,B,C,D",
        help="Share of the patches, 0 to 1, that each of the four dynamic refine blocks runs on. Less means less work.",
        show_default="the router decides",
        rich_help_panel=NETWORK,
    ),
]
Static = Annotated[
    bool,
    typer.Option("--static", help="Run every refine block on every patch.", rich_help_panel=NETWORK),
]
Deinterlace = Annotated[
    bool,
    typer.Option("--deinterlace", help="Deinterlace an interlaced source (bwdif).", rich_help_panel=SOURCE),
]
Progressive = Annotated[
    bool,
    typer.Option(
        "--progressive",
        help="Read frames as progressive, even if the file marks them as interlaced.",
        rich_help_panel=SOURCE,
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--ss",
        "--start",
        metavar="TIME",
        help="Use the source from this time on: 12.5 (seconds) or 00:01:02.5.",
        rich_help_panel=RATE,
    ),
]
Stop = Annotated[
    str | None,
    typer.Option(
        "--to",
        "--stop",
        metavar="TIME",
        help="Use the source up to this time, on the same clock as --ss.",
        rich_help_panel=RATE,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option("-y", "--overwrite", help="Replace the output if it exists.", rich_help_panel=OUTPUT),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Print more messages.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Debug = Annotated[bool, typer.Option("--debug", help="Print a traceback with an error, and every message.")]


def routing_of(keep_ratio: str | None, static: bool = False) -> Routing:
    """The routing that `--keep-ratio` and `--static` ask for; without them the router decides.

    Raises UsageError if both are given, or if the shares are not four numbers from 0 to 1.
    """
    if static:
        if keep_ratio is not None:
            raise UsageError("--static and --keep-ratio exclude each other")
        return None
    return "router" if keep_ratio is None else keep_ratios(keep_ratio)


def keep_ratios(text: str) -> tuple[float, ...]:
    """ "0.1,0.4,0.6,0.9" -> (0.1, 0.4, 0.6, 0.9). Raises UsageError unless they are four numbers from 0 to 1."""
    try:
        ratios = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--keep-ratio {text} is not numbers, with commas between them") from None
    check_routing(ratios)
    return ratios
