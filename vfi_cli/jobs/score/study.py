"""Does routing pay? One set of weights along many routes, by hold-out: PSNR against arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

from vfi_cli import weights
from vfi_cli.engine.device import resolve
from vfi_cli.engine.frames import Frame, to_frame, to_tensor
from vfi_cli.engine.interpolator import Interpolator, Prepared
from vfi_cli.engine.ranking import Ranking, by_chance, by_difference, by_router
from vfi_cli.errors import InputError, UsageError
from vfi_cli.jobs.interp.summary import DAMAGED
from vfi_cli.jobs.score.clips import find_clips
from vfi_cli.jobs.score.evaluate import BadClip
from vfi_cli.jobs.score.route_overlay import draw_routes
from vfi_cli.jobs.score.samples import EvalClip, HoldOut
from vfi_cli.measure.flops import run_counted
from vfi_cli.measure.psnr import psnr
from vfi_cli.model.config import DYNAMIC_BLOCKS, PAPER_KEEP_RATIOS, Routing, check_routing

Ratios = tuple[float, ...]

BUDGETS: tuple[Ratios, ...] = (
    (0.025, 0.1, 0.15, 0.225),
    (0.05, 0.2, 0.3, 0.45),
    PAPER_KEEP_RATIOS,
    (0.55, 0.7, 0.8, 0.95),
)
"""A quarter and a half of the paper's, the paper's, and half way from there to all patches."""

RULES = ("router", "difference", "random")
"""Who ranks the patches for a budget, see `engine.ranking`."""

ALL, NONE = (1.0,) * DYNAMIC_BLOCKS, (0.0,) * DYNAMIC_BLOCKS


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyJob:
    """What to compare.

    Args:
        paths: videos, folders of frames, or folders of either.
        budgets: keep ratios, at each of which all rules are tried.
        max_frames: frames read from each clip; None reads all.
        seed: of the random routes.
    """

    paths: tuple[Path, ...]
    model: str = "lite"
    device: str = "auto"
    precision: str = "auto"
    budgets: tuple[Ratios, ...] = BUDGETS
    max_frames: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for budget in self.budgets:
            check_routing(budget)
        if self.max_frames is not None and self.max_frames < 3:
            raise UsageError(f"--max-frames {self.max_frames}: hold-out needs at least 3 frames")


@dataclass(frozen=True, slots=True)
class Point:
    """One way to route, the mean over what it was tried on.

    Args:
        rule: "static" runs every block on every patch, "first block" runs none of the others; "router alone" is the
            router without a budget, else one of `RULES`.
        ratios: what it was given; None where the router decides.
        psnr: dB.
        flops: per generated frame: everything from preparing a frame of the source on, the router too where it is
            asked.
        shares: of the patches, those that ran each dynamic block.
    """

    rule: str
    ratios: Ratios | None
    psnr: float
    flops: float
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RouteMap:
    """A frame under the patches that a rule picks for it."""

    name: str
    frame: Frame


@dataclass(frozen=True, slots=True)
class ClipStudy:
    """`frames`: generated and compared for each of the points."""

    clip: str
    frames: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class StudyReport:
    clips: tuple[ClipStudy, ...]
    bad: tuple[BadClip, ...]

    @property
    def exit_code(self) -> int:
        """0 only if every clip was studied."""
        if not self.bad:
            return 0
        return DAMAGED if self.clips else InputError.exit_code

    @property
    def mean(self) -> tuple[Point, ...]:
        """Every clip weighs the same, however long or large; empty if there is none."""
        return _mean([clip.points for clip in self.clips])


def run(
    job: StudyJob, report: Callable[[ClipStudy | BadClip], None], show: Callable[[str, list[RouteMap]], None]
) -> StudyReport:
    """Try all routes on every clip; one that cannot be read is reported, and the others go on.

    show: gets the name of each clip and the maps of its first generated frame.

    Raises:
        InputError: a path holds no clip.
        ModelError: the model or the device is not to be had.
    """
    trials = [HoldOut(clip, job.max_frames) for clip in find_clips(job.paths)]
    # Not compiled: every budget has shapes of its own.
    interpolator = Interpolator(weights.load(job.model), resolve(job.device, job.precision))
    studies: list[ClipStudy] = []
    bad: list[BadClip] = []
    for trial in trials:
        try:
            result = study_clip(trial, interpolator, job, show)
        except InputError as error:
            bad.append(BadClip(trial.name, str(error)))
            report(bad[-1])
        else:
            studies.append(result)
            report(result)
    return StudyReport(tuple(studies), tuple(bad))


@dataclass(frozen=True, slots=True)
class _Way:
    """A rule with what it is given."""

    rule: str
    routing: Routing
    ranking: Ranking = by_router

    @property
    def ratios(self) -> Ratios | None:
        if self.routing == "router":
            return None
        return ALL if self.routing is None else self.routing


def _ways(job: StudyJob) -> list[_Way]:
    """All rules at each budget, then what needs none; chance begins anew, so that clips do not depend on each other."""
    ways: list[_Way] = []
    for budget in sorted(job.budgets, key=sum):
        rankings = (by_router, by_difference, by_chance(job.seed))
        ways += [_Way(rule, budget, ranking) for rule, ranking in zip(RULES, rankings, strict=True)]
    return [*ways, _Way("first block", NONE, by_difference), _Way("router alone", "router"), _Way("static", None)]


def study_clip(
    trial: EvalClip, interpolator: Interpolator, job: StudyJob, show: Callable[[str, list[RouteMap]], None]
) -> ClipStudy:
    """All ways on one clip. Flow, warp and context of a pair are computed once, for all of them.

    Raises:
        InputError: the clip cannot be read, or is too short.
    """
    ways = _ways(job)
    tried: list[tuple[Point, ...]] = []
    last: tuple[Frame, Prepared] | None = None
    for sample in trial.samples():
        left = last[1] if last is not None and last[0] is sample.left else interpolator.prepare(to_tensor(sample.left))
        right, preparing = run_counted(partial(interpolator.prepare, to_tensor(sample.right)))
        last = sample.right, right
        for time, truth in zip(sample.times, sample.truths, strict=True):
            warped, warping = run_counted(partial(interpolator.warp, left, right, time))
            points, maps = [], []
            for way in ways:
                work = partial(interpolator.generate, warped, way.routing, way.ranking)
                frame, generating = run_counted(work)
                routes = interpolator.last_routes
                flops = (preparing + warping + generating).flops
                shares = tuple(routes.mean((0, 1)).tolist())
                points.append(Point(way.rule, way.ratios, psnr(to_frame(frame), truth), flops, shares))
                if not tried:
                    drawn = draw_routes(truth, routes, interpolator.network.config.patch)
                    maps.append(RouteMap(label(way.rule, way.ratios), drawn))
            if not tried:
                show(trial.name, maps)
            tried.append(tuple(points))
    if not tried:
        raise InputError("hold-out needs at least 3 frames", path=trial.path)
    return ClipStudy(trial.name, len(tried), _mean(tried))


def label(rule: str, ratios: Ratios | None) -> str:
    """ "router at 0.1,0.4,0.6,0.9", or the rule by itself where that says all."""
    return f"{rule} at {','.join(f'{ratio:g}' for ratio in ratios)}" if ratios and rule in RULES else rule


def _mean(tried: Sequence[Sequence[Point]]) -> tuple[Point, ...]:
    return tuple(_mean_point(same) for same in zip(*tried, strict=True))


def _mean_point(points: Iterable[Point]) -> Point:
    first, *_ = points = list(points)
    return replace(
        first,
        psnr=fmean(point.psnr for point in points),
        flops=fmean(point.flops for point in points),
        shares=tuple(map(fmean, zip(*(point.shares for point in points), strict=True))),
    )
