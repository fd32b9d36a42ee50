"""The options of every command that interpolates, and the job that they describe."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, get_type_hints

from vfi_cli.cli.interp_option_types import (
    AudioBitRate,
    AudioCodecName,
    Codec,
    Crf,
    Dedup,
    DedupMaxSpan,
    DedupThreshold,
    Duration,
    EncoderOptions,
    Mask,
    MaxGap,
    NoAudio,
    NoChapters,
    NoData,
    NoMetadata,
    NoSceneDetect,
    NoSubtitles,
    PixFmt,
    Preset,
    PresetFile,
    Restart,
    SceneMode,
    SceneModeOption,
    SceneThreshold,
    Strict,
    Use,
)
from vfi_cli.cli.options import (
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
    scene_threshold: SceneThreshold = None
    scene_mode: SceneModeOption = SceneMode.NEAREST
    no_scene_detect: NoSceneDetect = False
    dedup: Dedup = False
    dedup_threshold: DedupThreshold = None
    dedup_max_span: DedupMaxSpan = None
    max_gap: MaxGap = None
    mask: Mask = None
    deinterlace: Deinterlace = False
    progressive: Progressive = False
    start: Start = None
    stop: Stop = None
    duration: Duration = None
    codec: Codec = None
    crf: Crf = None
    preset: Preset = None
    pix_fmt: PixFmt = None
    encoder_options: EncoderOptions = None
    audio_codec: AudioCodecName = None
    audio_bit_rate: AudioBitRate = None
    no_audio: NoAudio = False
    no_subtitles: NoSubtitles = False
    no_data: NoData = False
    no_chapters: NoChapters = False
    no_metadata: NoMetadata = False
    overwrite: Overwrite = False
    restart: Restart = False
    strict: Strict = False
    use: Use = None
    preset_file: PresetFile = None

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
