"""Studies the gain of routing: PSNR by hold-out against operations, for one set of weights and many routes."""

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
from vfi_cli.jobs.score.clips import find_clips
from vfi_cli.jobs.score.evaluate import BadClip, exit_code
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
"""Keep ratios: a quarter and a half of those of the paper, those of the paper, and half way from them to 1."""

RULES = ("router", "difference", "random")
"""Rules that rank the patches for a budget, see `engine.ranking`."""

ALL, NONE = (1.0,) * DYNAMIC_BLOCKS, (0.0,) * DYNAMIC_BLOCKS


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyJob:
    """What to compare.

    Args:
        paths: videos, folders of images, or folders of such clips.
        budgets: keep ratios; each rule is tried with each of them.
        max_frames: frames to read from each clip; None reads all.
        seed: seed of the random routes.
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
    """The result of one way to choose a route, averaged over frames or clips.

    Args:
        rule: one of `RULES`; or "static", which runs all blocks on all patches; "first block", which runs no dynamic
            block; or "router alone", the router without a budget.
        ratios: the keep ratios; None if the router decides.
        psnr: PSNR in dB.
        flops: operations per generated frame (a multiply-add counts as two), including the preparation of one source
            frame. They include the router only if the rule uses it.
        shares: share of the patches that ran each dynamic block.
    """

    rule: str
    ratios: Ratios | None
    psnr: float
    flops: float
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RouteMap:
    """A true frame, with the route of a rule drawn over it."""

    name: str
    frame: Frame


@dataclass(frozen=True, slots=True)
class ClipStudy:
    """The points of a clip, and the number of frames that were generated and compared for each of them."""

    clip: str
    frames: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class StudyReport:
    clips: tuple[ClipStudy, ...]
    bad: tuple[BadClip, ...]

    @property
    def exit_code(self) -> int:
        return exit_code(self.clips, self.bad)

    @property
    def mean(self) -> tuple[Point, ...]:
        """The mean over clips. Every clip has the same weight, also a short or small one. Empty if there is no clip."""
        return _mean([clip.points for clip in self.clips])


def run(
    job: StudyJob, report: Callable[[ClipStudy | BadClip], None], show: Callable[[str, list[RouteMap]], None]
) -> StudyReport:
    """Try all routes on every clip. A clip that cannot be read is reported, and the run continues with the next.

    Args:
        show: called with the name of each clip and the route maps of its first generated frame.

    Raises:
        InputError: a path holds no clip.
        ModelError: the model or the device is not available.
    """
    clips = [HoldOut(clip, job.max_frames) for clip in find_clips(job.paths)]
    # Not compiled, because every budget gives other tensor shapes.
    interpolator = Interpolator(weights.load(job.model), resolve(job.device, job.precision))
    studies: list[ClipStudy] = []
    bad: list[BadClip] = []
    for clip in clips:
        try:
            result = study_clip(clip, interpolator, job, show)
        except InputError as error:
            bad.append(BadClip(clip.name, str(error)))
            report(bad[-1])
        else:
            studies.append(result)
            report(result)
    return StudyReport(tuple(studies), tuple(bad))


@dataclass(frozen=True, slots=True)
class _Variant:
    """A rule with its routing and ranking."""

    rule: str
    routing: Routing
    ranking: Ranking = by_router

    @property
    def ratios(self) -> Ratios | None:
        if self.routing == "router":
            return None
        return ALL if self.routing is None else self.routing


def _variants(job: StudyJob) -> list[_Variant]:
    """All rules at each budget, then the variants without a budget.

    The random ranking starts from its seed again, so that the result of a clip does not depend on other clips.
    """
    variants: list[_Variant] = []
    for budget in sorted(job.budgets, key=sum):
        rankings = (by_router, by_difference, by_chance(job.seed))
        variants += [_Variant(rule, budget, ranking) for rule, ranking in zip(RULES, rankings, strict=True)]
    return [
        *variants,
        _Variant("first block", NONE, by_difference),
        _Variant("router alone", "router"),
        _Variant("static", None),
    ]


def study_clip(
    clip: EvalClip, interpolator: Interpolator, job: StudyJob, show: Callable[[str, list[RouteMap]], None]
) -> ClipStudy:
    """Try all variants on one clip. They share the flow, warp and context of a pair.

    Raises:
        InputError: the clip cannot be read, or is too short.
    """
    variants = _variants(job)
    results: list[tuple[Point, ...]] = []
    last: tuple[Frame, Prepared] | None = None
    for sample in clip.samples():
        left = last[1] if last is not None and last[0] is sample.left else interpolator.prepare(to_tensor(sample.left))
        right, preparing = run_counted(partial(interpolator.prepare, to_tensor(sample.right)))
        last = sample.right, right
        for time, truth in zip(sample.times, sample.truths, strict=True):
            warped, warping = run_counted(partial(interpolator.warp, left, right, time))
            points, maps = [], []
            for variant in variants:
                work = partial(interpolator.generate, warped, variant.routing, variant.ranking)
                frame, generating = run_counted(work)
                routes = interpolator.last_routes
                flops = (preparing + warping + generating).flops
                shares = tuple(routes.mean((0, 1)).tolist())
                points.append(Point(variant.rule, variant.ratios, psnr(to_frame(frame), truth), flops, shares))
                if not results:
                    drawn = draw_routes(truth, routes, interpolator.network.config.patch)
                    maps.append(RouteMap(label(variant.rule, variant.ratios), drawn))
            if not results:
                show(clip.name, maps)
            results.append(tuple(points))
    if not results:
        raise InputError("hold-out needs at least 3 frames", path=clip.path)
    return ClipStudy(clip.name, len(results), _mean(results))


def label(rule: str, ratios: Ratios | None) -> str:
    """A label such as "router at 0.1,0.4,0.6,0.9"; only the rule if it has no budget."""
    return f"{rule} at {','.join(f'{ratio:g}' for ratio in ratios)}" if ratios and rule in RULES else rule


def _mean(results: Sequence[Sequence[Point]]) -> tuple[Point, ...]:
    return tuple(_mean_point(same) for same in zip(*results, strict=True))


def _mean_point(points: Iterable[Point]) -> Point:
    first, *_ = points = list(points)
    return replace(
        first,
        psnr=fmean(point.psnr for point in points),
        flops=fmean(point.flops for point in points),
        shares=tuple(map(fmean, zip(*(point.shares for point in points), strict=True))),
    )
