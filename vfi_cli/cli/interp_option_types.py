"""The options that only `interp_options.InterpOptions` has."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vfi_cli.cli.options import ENCODER, MOTION, OUTPUT, PRESETS, RATE, STREAMS


class SceneMode(StrEnum):
    NEAREST = "nearest"
    HOLD = "hold"
    BLEND = "blend"


SceneThreshold = Annotated[
    float | None,
    typer.Option(
        "--scene-threshold",
        metavar="0-1",
        help="Threshold of scene cuts; lower finds more.",
        show_default="0.38",
        rich_help_panel=MOTION,
    ),
]
SceneModeOption = Annotated[
    SceneMode,
    typer.Option(
        "--scene-mode",
        help="Shown across a cut: the nearest source frame, the frame before the cut, or a blend of both.",
        rich_help_panel=MOTION,
    ),
]
NoSceneDetect = Annotated[
    bool, typer.Option("--no-scene-detect", help="Do not look for scene cuts.", rich_help_panel=MOTION)
]
Dedup = Annotated[
    bool,
    typer.Option("--dedup", help="Replace repeated frames (animation) by generated ones.", rich_help_panel=MOTION),
]
DedupThreshold = Annotated[
    float | None,
    typer.Option(
        "--dedup-threshold",
        metavar="0-255",
        help="A frame is repeated if each 8x8 block of its luma differs by at most this.",
        show_default="6",
        rich_help_panel=MOTION,
    ),
]
DedupMaxSpan = Annotated[
    int | None,
    typer.Option(
        "--dedup-max-span",
        metavar="FRAMES",
        help="Longest span of repeated frames to replace, 2 to 24.",
        show_default="6",
        rich_help_panel=MOTION,
    ),
]
MaxGap = Annotated[
    str | None,
    typer.Option(
        "--max-gap",
        metavar="TIME",
        help="A longer gap between frames is a pause, in which the frame is held. 0 turns this off.",
        show_default="6 usual gaps, at least 0.2 s",
        rich_help_panel=MOTION,
    ),
]
Mask = Annotated[
    Path | None,
    typer.Option(
        "--mask",
        metavar="IMAGE",
        help="Image of the size of the clip; nothing moves where it is white.",
        rich_help_panel=MOTION,
    ),
]
Duration = Annotated[
    str | None,
    typer.Option(
        "-t",
        "--duration",
        metavar="TIME",
        help="Length of the part that is used, instead of --to.",
        rich_help_panel=RATE,
    ),
]
Codec = Annotated[
    str | None,
    typer.Option(
        "-c:v",
        "--codec",
        metavar="NAME",
        help="Video encoder of FFmpeg.",
        show_default="libx264; libx265 for HDR and over 10 bits; other ones for .webm",
        rich_help_panel=ENCODER,
    ),
]
Crf = Annotated[
    float | None,
    typer.Option(
        "--crf",
        metavar="NUMBER",
        help="Quality; lower is better.",
        show_default="18 for libx264",
        rich_help_panel=ENCODER,
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="Speed of the encoder.",
        show_default="faster for libx264",
        rich_help_panel=ENCODER,
    ),
]
PixFmt = Annotated[
    str | None,
    typer.Option(
        "--pix-fmt",
        metavar="NAME",
        help="Pixel format: yuv420p, yuv422p10, gbrp, ...",
        show_default="that of the source",
        rich_help_panel=ENCODER,
    ),
]
EncoderOptions = Annotated[
    list[str] | None,
    typer.Option(
        "-e",
        "--encoder-opt",
        metavar="KEY=VALUE",
        help="Any other option of the encoder; may be repeated.",
        rich_help_panel=ENCODER,
    ),
]
AudioCodecName = Annotated[
    str | None,
    typer.Option(
        "-c:a",
        "--audio-codec",
        metavar="NAME",
        help="Convert the audio with this encoder of FFmpeg: aac, flac, libopus, ...",
        show_default="copy",
        rich_help_panel=STREAMS,
    ),
]
AudioBitRate = Annotated[
    str | None,
    typer.Option(
        "-b:a",
        "--audio-bitrate",
        metavar="RATE",
        help="Bit rate of the converted audio, e.g. 192k.",
        rich_help_panel=STREAMS,
    ),
]
NoAudio = Annotated[bool, typer.Option("-an", "--no-audio", help="Leave the audio out.", rich_help_panel=STREAMS)]
NoSubtitles = Annotated[
    bool, typer.Option("-sn", "--no-subtitles", help="Leave the subtitles out.", rich_help_panel=STREAMS)
]
NoData = Annotated[
    bool,
    typer.Option(
        "-dn", "--no-data", help="Leave data streams, attached files and covers out.", rich_help_panel=STREAMS
    ),
]
NoChapters = Annotated[bool, typer.Option("--no-chapters", help="Leave the chapters out.", rich_help_panel=STREAMS)]
NoMetadata = Annotated[
    bool,
    typer.Option("--no-metadata", help="Leave titles and other tags out; languages stay.", rich_help_panel=STREAMS),
]
Restart = Annotated[
    bool,
    typer.Option("--restart", help="Begin anew instead of resuming an interrupted run.", rich_help_panel=OUTPUT),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Stop with an error if the source is damaged; keep no output.", rich_help_panel=OUTPUT
    ),
]
Use = Annotated[
    str | None,
    typer.Option(
        "--use",
        metavar="PRESET",
        help="Take options from a preset; the command line wins.",
        rich_help_panel=PRESETS,
    ),
]
PresetFile = Annotated[
    Path | None,
    typer.Option(
        "--preset-file",
        metavar="FILE",
        help="TOML file with tables [presets.NAME].",
        show_default="~/.config/vfi.toml",
        rich_help_panel=PRESETS,
    ),
]
