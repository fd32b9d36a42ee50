"""`vfi eval`: compares generated frames with the true frames of clips."""

from __future__ import annotations

import csv
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vfi_cli.cli import console
from vfi_cli.cli.options import (
    Debug,
    Device,
    Json,
    KeepRatio,
    Model,
    Precision,
    Quiet,
    Static,
    Verbose,
    routing_of,
)
from vfi_cli.errors import OutputError

if TYPE_CHECKING:
    from vfi_cli.jobs.score.evaluate import BadClip, ClipScore, EvalReport, Score

EXAMPLES = """\b
Examples:
  vfi eval clips/ --max-frames 15 --baseline blend --csv scores.csv
  vfi eval vimeo_triplet/ --protocol vimeo90k
"""


class Baseline(StrEnum):
    BLEND = "blend"


class ProtocolName(StrEnum):
    """The names in `datasets.PROTOCOLS`. They are repeated here because importing `datasets` loads torch."""

    VIMEO90K = "vimeo90k"
    UCF101 = "ucf101"
    SNU_FILM_EASY = "snu-film-easy"
    SNU_FILM_MEDIUM = "snu-film-medium"
    SNU_FILM_HARD = "snu-film-hard"
    SNU_FILM_EXTREME = "snu-film-extreme"
    XIPH_2K = "xiph-2k"
    XIPH_4K = "xiph-4k"
    X_TEST_2K = "x-test-2k"
    X_TEST_4K = "x-test-4k"
    DAVIS = "davis"


def eval_command(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Videos, folders of PNG or JPEG frames, or folders of either."),
    ],
    model: Model = "lite",
    keep_ratio: KeepRatio = None,
    static: Static = False,
    device: Device = "auto",
    precision: Precision = "auto",
    baseline: Annotated[
        Baseline | None, typer.Option("--baseline", help="Score the mean of the two source frames too.")
    ] = None,
    protocol: Annotated[
        ProtocolName | None, typer.Option("--protocol", help="Score on this test set; PATH is its unpacked folder.")
    ] = None,
    max_frames: Annotated[
        int | None, typer.Option("--max-frames", metavar="N", help="Read at most this many frames of each clip.")
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a row per clip; FILE is replaced.")
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Measure the quality of a model on clips.

    Every other frame is removed, generated again, and compared with the true one, in 8-bit RGB. Columns: PSNR in dB;
    SSIM; sharpness, the detail of generated frames divided by that of true ones; flicker, the difference of detail
    between neighbouring frames (0 is best); FLIP (0 is best), only if the package flip-evaluator is installed.

    With --protocol, the frames are those that a published test set prescribes.

    If a clip cannot be scored, it is named, and the work continues with the others. The exit code is then 5, or 3 if no
    clip could be scored.
    """
    console.set_up_logging(quiet=quiet, verbose=verbose or debug)
    routing = routing_of(keep_ratio, static)
    if csv_file is not None and not csv_file.parent.is_dir():
        raise OutputError("no such folder", path=csv_file.parent, remedy="create it first")

    from vfi_cli.jobs.score.evaluate import BadClip, EvalJob, run

    job = EvalJob(
        paths=tuple(paths),
        model=model,
        routing=routing,
        device=device,
        precision=precision,
        max_frames=max_frames,
        blend=baseline is Baseline.BLEND,
        protocol=protocol.value if protocol is not None else None,
    )
    show = console.say if as_json else console.print_line

    def tell(result: ClipScore | BadClip) -> None:
        if isinstance(result, BadClip):
            console.say(f"vfi: {result.clip} cannot be scored: {result.error}")
        elif not quiet:
            show(_line(f"{result.clip} ({result.frames} frames)", result.score, result.blend))

    report = run(job, tell)
    if report.mean is not None and not quiet:
        show(_line(f"mean of {len(report.clips)} clips", report.mean, report.mean_blend))
    if csv_file is not None:
        _write_csv(csv_file, report)
    if as_json:
        console.print_data(_as_dict(report))
    return report.exit_code


def _row(clip: ClipScore) -> dict[str, Any]:
    return {"clip": clip.clip, "frames": clip.frames} | _figures(clip.score, clip.blend)


def _figures(score: Score, blend: Score | None) -> dict[str, float]:
    return score.as_dict() | ({} if blend is None else blend.as_dict("blend_"))


def _mean(report: EvalReport) -> dict[str, float]:
    """Empty if no clip was scored."""
    return {} if report.mean is None else _figures(report.mean, report.mean_blend)


def _line(name: str, score: Score, blend: Score | None) -> str:
    """A line of the output. The name is last, because its length varies."""
    figures = _score_text(score) + ("" if blend is None else f"   blend {_score_text(blend)}")
    return f"{figures}   {name}"


def _score_text(score: Score) -> str:
    text = f"{score.psnr:8.3f} dB {score.ssim:7.4f} sharpness {score.sharpness:5.3f} flicker {score.flicker:5.3f}"
    return text if score.flip is None else f"{text} FLIP {score.flip:6.4f}"


def _as_dict(report: EvalReport) -> dict[str, Any]:
    failed = [{"clip": bad.clip, "error": bad.error} for bad in report.bad]
    return {"clips": [_row(clip) for clip in report.clips], "mean": _mean(report), "failed": failed}


def _write_csv(path: Path, report: EvalReport) -> None:
    rows = [_row(clip) for clip in report.clips]
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["clip", "frames", "psnr", "ssim"])
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise OutputError(error.strerror or str(error), path=path) from error
