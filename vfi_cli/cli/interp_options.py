"""The options of every command that interpolates, and the job that they describe."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_type_hints

import typer

from vfi_cli.cli.options import (
    ENCODER,
    MOTION,
    OUTPUT,
    PRESETS,
    RATE,
    STREAMS,
    Deinterlace,
    Device,
    Fps,
    InputFps,
    KeepRatio,
    Model,
    Multi,
    Overwrite,
    Precision,
    Progressive,
    Slowmo,
    Start,
    Static,
    Stop,
    VideoStream,
    routing_of,
)
from vfi_cli.errors import UsageError
from vfi_cli.timing.timeline import parse_multiple, parse_rate, parse_time

if TYPE_CHECKING:
    from vfi_cli.jobs.interp.plan import InterpJob


class SceneMode(StrEnum):
    NEAREST = "nearest"
    HOLD = "hold"
    BLEND = "blend"


@dataclass(frozen=True, kw_only=True)
class InterpOptions:
    """How a clip is interpolated. Each field is an option of `vfi interp` and `vfi batch`, see `takes_interp_options`.

    An option means the same in every command. The command decides to which files it applies. `command.Command` has
    already applied `use` and `preset_file` when it parsed the command line.
    """

    fps: Fps = None
    input_fps: InputFps = None
    video_stream: VideoStream = None
    multi: Multi = None
    slowmo: Slowmo = None
    model: Model = "lite"
    keep_ratio: KeepRatio = None
    static: Static = False
    device: Device = "auto"
    precision: Precision = "auto"
    scene_threshold: Annotated[
        float | None,
        typer.Option(
            "--scene-threshold",
            metavar="0-1",
            help="Threshold of scene cuts; lower finds more.",
            show_default="0.38",
            rich_help_panel=MOTION,
        ),
    ] = None
    scene_mode: Annotated[
        SceneMode,
        typer.Option(
            "--scene-mode",
            help="Shown across a cut: the nearest source frame, the frame before the cut, or a blend of both.",
            rich_help_panel=MOTION,
        ),
    ] = SceneMode.NEAREST
    no_scene_detect: Annotated[
        bool, typer.Option("--no-scene-detect", help="Do not look for scene cuts.", rich_help_panel=MOTION)
    ] = False
    dedup: Annotated[
        bool,
        typer.Option("--dedup", help="Replace repeated frames (animation) by generated ones.", rich_help_panel=MOTION),
    ] = False
    dedup_threshold: Annotated[
        float | None,
        typer.Option(
            "--dedup-threshold",
            metavar="0-255",
            help="A frame is repeated if each 8x8 block of its luma differs by at most this.",
            show_default="6",
            rich_help_panel=MOTION,
        ),
    ] = None
    dedup_max_span: Annotated[
        int | None,
        typer.Option(
            "--dedup-max-span",
            metavar="FRAMES",
            help="Longest span of repeated frames to replace, 2 to 24.",
            show_default="6",
            rich_help_panel=MOTION,
        ),
    ] = None
    max_gap: Annotated[
        str | None,
        typer.Option(
            "--max-gap",
            metavar="TIME",
            help="A longer gap between frames is a pause, in which the frame is held. 0 turns this off.",
            show_default="6 usual gaps, at least 0.2 s",
            rich_help_panel=MOTION,
        ),
    ] = None
    mask: Annotated[
        Path | None,
        typer.Option(
            "--mask",
            metavar="IMAGE",
            help="Image of the size of the clip; nothing moves where it is white.",
            rich_help_panel=MOTION,
        ),
    ] = None
    deinterlace: Deinterlace = False
    progressive: Progressive = False
    start: Start = None
    stop: Stop = None
    duration: Annotated[
        str | None,
        typer.Option(
            "-t",
            "--duration",
            metavar="TIME",
            help="Length of the part that is used, instead of --to.",
            rich_help_panel=RATE,
        ),
    ] = None
    codec: Annotated[
        str | None,
        typer.Option(
            "-c:v",
            "--codec",
            metavar="NAME",
            help="Video encoder of FFmpeg.",
            show_default="libx264; libx265 for HDR and over 10 bits; other ones for .webm",
            rich_help_panel=ENCODER,
        ),
    ] = None
    crf: Annotated[
        float | None,
        typer.Option(
            "--crf",
            metavar="NUMBER",
            help="Quality; lower is better.",
            show_default="18 for libx264",
            rich_help_panel=ENCODER,
        ),
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="Speed of the encoder.",
            show_default="faster for libx264",
            rich_help_panel=ENCODER,
        ),
    ] = None
    pix_fmt: Annotated[
        str | None,
        typer.Option(
            "--pix-fmt",
            metavar="NAME",
            help="Pixel format: yuv420p, yuv422p10, gbrp, ...",
            show_default="that of the source",
            rich_help_panel=ENCODER,
        ),
    ] = None
    encoder_options: Annotated[
        list[str] | None,
        typer.Option(
            "-e",
            "--encoder-opt",
            metavar="KEY=VALUE",
            help="Any other option of the encoder; may be repeated.",
            rich_help_panel=ENCODER,
        ),
    ] = None
    audio_codec: Annotated[
        str | None,
        typer.Option(
            "-c:a",
            "--audio-codec",
            metavar="NAME",
            help="Convert the audio with this encoder of FFmpeg: aac, flac, libopus, ...",
            show_default="copy",
            rich_help_panel=STREAMS,
        ),
    ] = None
    audio_bit_rate: Annotated[
        str | None,
        typer.Option(
            "-b:a",
            "--audio-bitrate",
            metavar="RATE",
            help="Bit rate of the converted audio, e.g. 192k.",
            rich_help_panel=STREAMS,
        ),
    ] = None
    no_audio: Annotated[
        bool, typer.Option("-an", "--no-audio", help="Leave the audio out.", rich_help_panel=STREAMS)
    ] = False
    no_subtitles: Annotated[
        bool, typer.Option("-sn", "--no-subtitles", help="Leave the subtitles out.", rich_help_panel=STREAMS)
    ] = False
    no_data: Annotated[
        bool,
        typer.Option(
            "-dn", "--no-data", help="Leave data streams, attached files and covers out.", rich_help_panel=STREAMS
        ),
    ] = False
    no_chapters: Annotated[
        bool, typer.Option("--no-chapters", help="Leave the chapters out.", rich_help_panel=STREAMS)
    ] = False
    no_metadata: Annotated[
        bool,
        typer.Option("--no-metadata", help="Leave titles and other tags out; languages stay.", rich_help_panel=STREAMS),
    ] = False
    overwrite: Overwrite = False
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Begin anew instead of resuming an interrupted run.", rich_help_panel=OUTPUT),
    ] = False
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Stop with an error if the source is damaged; keep no output.", rich_help_panel=OUTPUT
        ),
    ] = False
    use: Annotated[
        str | None,
        typer.Option(
            "--use",
            metavar="PRESET",
            help="Take options from a preset; the command line wins.",
            rich_help_panel=PRESETS,
        ),
    ] = None
    preset_file: Annotated[
        Path | None,
        typer.Option(
            "--preset-file",
            metavar="FILE",
            help="TOML file with tables [presets.NAME].",
            show_default="~/.config/vfi.toml",
            rich_help_panel=PRESETS,
        ),
    ] = None

    def job(self, source: Path, target: Path | None = None) -> InterpJob:
        """The job that interpolates `source` with these options.

        Raises:
            UsageError: options exclude each other, or a value is out of range.
        """
        if self.stop is not None and self.duration is not None:
            raise UsageError("--to and -t exclude each other", remedy="give one of them")
        if self.no_scene_detect and self.scene_threshold is not None:
            raise UsageError("--scene-threshold and --no-scene-detect exclude each other")
        if not self.dedup and (self.dedup_threshold is not None or self.dedup_max_span is not None):
            raise UsageError("--dedup-threshold and --dedup-max-span go with --dedup", remedy="add --dedup")
        begin = parse_time(self.start or "0", "--ss")
        end = parse_time(self.stop, "--to") if self.stop is not None else None
        if self.duration is not None:
            end = begin + parse_time(self.duration, "-t")
        times = parse_multiple(self.multi, "-m") if self.multi is not None else None
        slowdown = parse_multiple(self.slowmo, "--slowmo") if self.slowmo is not None else None
        routing = routing_of(self.keep_ratio, self.static)
        bit_rate = parse_bit_rate(self.audio_bit_rate) if self.audio_bit_rate is not None else None
        if bit_rate is not None and self.audio_codec in (None, "copy"):
            raise UsageError("-b:a needs -c:a", remedy="add -c:a aac, or leave -b:a out")
        encoder_options = _pairs(self.encoder_options or [])

        from vfi_cli.jobs.interp import duplicates
        from vfi_cli.jobs.interp.plan import InterpJob
        from vfi_cli.scene import DEFAULT_THRESHOLD
        from vfi_cli.video.streams.audio import AudioCodec

        dedup = None
        if self.dedup:
            dedup = duplicates.Deduplication(
                duplicates.DEFAULT_THRESHOLD if self.dedup_threshold is None else self.dedup_threshold,
                duplicates.DEFAULT_MAX_SPAN if self.dedup_max_span is None else self.dedup_max_span,
            )
        threshold = self.scene_threshold
        if threshold is None and not self.no_scene_detect:
            threshold = DEFAULT_THRESHOLD
        return InterpJob(
            source=source,
            target=target,
            input_fps=parse_rate(self.input_fps, None, "--input-fps") if self.input_fps is not None else None,
            video_stream=self.video_stream,
            fps=self.fps,
            multi=times,
            slowmo=slowdown,
            start=begin,
            stop=end,
            model=self.model,
            routing=routing,
            device=self.device,
            precision=self.precision,
            scene_threshold=threshold,
            scene_mode=self.scene_mode.value,
            dedup=dedup,
            max_gap=parse_time(self.max_gap, "--max-gap") if self.max_gap is not None else None,
            mask=self.mask,
            deinterlace=self.deinterlace,
            progressive=self.progressive,
            codec=self.codec,
            crf=self.crf,
            preset=self.preset,
            pix_fmt=self.pix_fmt,
            encoder_options=encoder_options,
            audio=not self.no_audio,
            audio_codec=AudioCodec(self.audio_codec, bit_rate) if self.audio_codec not in (None, "copy") else None,
            subtitles=not self.no_subtitles,
            data=not self.no_data,
            chapters=not self.no_chapters,
            metadata=not self.no_metadata,
            overwrite=self.overwrite,
            restart=self.restart,
            strict=self.strict,
        )


def takes_interp_options(command: Callable[..., int]) -> Callable[..., int]:
    """Replace the parameter of type `InterpOptions` by an option for each of its fields, as Typer sees `command`."""
    annotations = get_type_hints(InterpOptions, include_extras=True)
    spread = [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=annotations[field.name])
        for field in fields(InterpOptions)
    ]
    listed: list[Parameter] = []
    for parameter in signature(command, eval_str=True).parameters.values():
        own = parameter.replace(kind=Parameter.KEYWORD_ONLY)
        listed += spread if parameter.annotation is InterpOptions else [own]

    @wraps(command)
    def gathered(**values: object) -> int:
        options = InterpOptions(**{parameter.name: values.pop(parameter.name) for parameter in spread})  # type: ignore[arg-type]
        return command(options=options, **values)

    gathered.__signature__ = Signature(listed)  # type: ignore[attr-defined]
    gathered.__annotations__ = {parameter.name: parameter.annotation for parameter in listed}
    return gathered


def parse_bit_rate(text: str) -> int:
    """ "192k", "1.5M" or "192000" -> bits per second. Raises UsageError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmM]?)", text)
    if match is None:
        raise UsageError(f"-b:a {text!r} is no bit rate", remedy="e.g. -b:a 192k")
    return round(float(match[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[match[2].lower()])


def _pairs(texts: list[str]) -> dict[str, str]:
    """["key=value", ...] -> {key: value}. Raises UsageError."""
    for text in texts:
        if not text.partition("=")[0] or "=" not in text:
            raise UsageError(f"-e {text!r} is not KEY=VALUE", remedy="e.g. -e tune=film")
    return dict(text.split("=", 1) for text in texts)
