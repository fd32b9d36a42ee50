"""The Python API of interpolation: a call with keywords in place of a command line."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from numbers import Rational, Real
from pathlib import Path

from vfi_cli.errors import UsageError
from vfi_cli.jobs.interp.duplicates import Deduplication
from vfi_cli.jobs.interp.plan import InterpJob, SceneMode
from vfi_cli.jobs.interp.run_clip import run
from vfi_cli.jobs.interp.summary import Progress, Summary
from vfi_cli.model.config import Routing
from vfi_cli.scene import DEFAULT_THRESHOLD
from vfi_cli.timing.timeline import parse_rate, parse_time
from vfi_cli.video.formats import output_path
from vfi_cli.video.streams.audio import AudioCodec

_MAX_DENOMINATOR = 1_000_000  # a float near a fraction of a second with a smaller denominator is that fraction

Number = int | float | str | Fraction
"""A rate or a time. A str is read as on the command line: "59.94", "2.5x"; "1:02.5"."""


def interpolate_video(
    source: str | Path,
    target: str | Path | None = None,
    *,
    fps: Number | None = None,
    multi: int | None = None,
    slowmo: int | None = None,
    start: Number = 0,
    stop: Number | None = None,
    input_fps: Number | None = None,
    video_stream: int | None = None,
    deinterlace: bool = False,
    progressive: bool = False,
    model: str = "lite",
    routing: Routing = "router",
    device: str = "auto",
    precision: str = "auto",
    scene_threshold: float | None = DEFAULT_THRESHOLD,
    scene_mode: SceneMode = "nearest",
    dedup: bool | Deduplication = False,
    max_gap: Number | None = None,
    mask: str | Path | None = None,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    pix_fmt: str | None = None,
    encoder_options: Mapping[str, str] | None = None,
    audio: bool = True,
    audio_codec: str | None = None,
    audio_bitrate: int | None = None,
    subtitles: bool = True,
    data: bool = True,
    chapters: bool = True,
    metadata: bool = True,
    overwrite: bool = False,
    restart: bool = False,
    strict: bool = False,
    report: Callable[[Progress], None] | None = None,
) -> Summary:
    """Interpolate one clip. At most one of `fps`, `multi`, `slowmo` is given; without them the rate is doubled.

    >>> interpolate_video("in.mp4", "out.mp4", fps=60)

    Args:
        source: a video, a folder or pattern of images, or "-" for standard input.
        target: its suffix decides the format; None: a file beside the source, named after the new rate.
        fps: frame rate of the output.
        multi: output frames per source frame, 2 to 64.
        slowmo: how many times longer the output lasts, 2 to 64, without audio.
        start, stop: the part to use, in seconds from the first frame.
        input_fps: frame rate of the source, in place of its timestamps.
        video_stream: number of the video stream, counted from 0; None: the default stream.
        deinterlace: make whole frames of interlaced ones. progressive: read frames as whole, whatever the file says.
        model: "lite", or a weights file.
        routing: "router": the router decides; None: all blocks on all patches; four shares from 0 to 1.
        device, precision: "auto", "cpu", "cuda:0"; "auto", "fp32", "bf16", "fp16".
        scene_threshold: 0 to 1, lower finds more scene cuts; None looks for none.
        scene_mode: what is shown across a cut: "nearest", "hold" or "blend".
        dedup: replace repeated frames by generated ones, with the given thresholds or the usual ones.
        max_gap: seconds; a longer gap between frames is a pause. 0: no pauses; None: six usual gaps, at least 0.2 s.
        mask: image of the size of the clip; nothing moves where it is white.
        codec, crf, preset, pix_fmt, encoder_options: for FFmpeg's video encoder; None: its defaults.
        audio, subtitles, data, chapters, metadata: whether the output keeps them; data includes attached files.
        audio_codec, audio_bitrate: convert the audio with that encoder, in bits per second; None: copy it.
        overwrite: replace the target if it exists.
        restart: begin anew instead of resuming an interrupted run.
        strict: a damaged source is an error.
        report: is called after each output frame.

    Raises:
        VfiError: in one of the ways that `vfi_cli.errors` lists.
    """
    if audio_bitrate is not None and audio_codec in (None, "copy"):
        raise UsageError("audio_bitrate needs audio_codec")
    job = InterpJob(
        source=Path(source),
        target=output_path(str(target)) if target is not None else None,
        input_fps=parse_rate(_text(input_fps, "input_fps"), None, "input_fps") if input_fps is not None else None,
        video_stream=video_stream,
        fps=_text(fps, "fps") if fps is not None else None,
        multi=multi,
        slowmo=slowmo,
        start=_seconds(start, "start"),
        stop=_seconds(stop, "stop") if stop is not None else None,
        model=model,
        routing=routing,
        device=device,
        precision=precision,
        scene_threshold=scene_threshold,
        scene_mode=scene_mode,
        dedup=(Deduplication() if dedup else None) if isinstance(dedup, bool) else dedup,
        max_gap=_seconds(max_gap, "max_gap") if max_gap is not None else None,
        mask=Path(mask) if mask is not None else None,
        deinterlace=deinterlace,
        progressive=progressive,
        codec=codec,
        crf=crf,
        preset=preset,
        pix_fmt=pix_fmt,
        encoder_options=dict(encoder_options or {}),
        audio=audio,
        audio_codec=AudioCodec(audio_codec, audio_bitrate) if audio_codec not in (None, "copy") else None,
        subtitles=subtitles,
        data=data,
        chapters=chapters,
        metadata=metadata,
        overwrite=overwrite,
        restart=restart,
        strict=strict,
    )
    return run(job, report or (lambda _: None))


def _text(value: Number, name: str) -> str:
    """A rate as `parse_rate` reads it. Raises UsageError for what is no finite number from 0 on."""
    if isinstance(value, str):
        return value
    _check_number(value, name)
    return str(Fraction(value)) if isinstance(value, Rational) else format(float(value), "f")


def _seconds(value: Number, name: str) -> Fraction:
    if isinstance(value, str):
        return parse_time(value, name)
    _check_number(value, name)
    return (
        Fraction(value) if isinstance(value, Rational) else Fraction(float(value)).limit_denominator(_MAX_DENOMINATOR)
    )


def _check_number(value: Number, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UsageError(f"{name} is a {type(value).__name__}", remedy="give an int, float, str or Fraction")
    if not math.isfinite(value) or value < 0:
        raise UsageError(f"{name} {value} is out of range")
