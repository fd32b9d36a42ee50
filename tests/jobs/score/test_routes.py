from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from torch import Tensor

from tests.blend import Blend
from tests.media import make_clip, video_times
from tests.pictures import make_folder
from vfi_cli.errors import InputError, OutputError, UsageError
from vfi_cli.jobs.interp.plan import InterpJob
from vfi_cli.jobs.interp.summary import Progress
from vfi_cli.jobs.score import routes
from vfi_cli.jobs.score.evaluate import EvalJob
from vfi_cli.jobs.score.route_overlay import OPACITY, PALETTE
from vfi_cli.jobs.score.routes import RoutesJob, RoutesSummary, run
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe


class Router(Blend):
    """A fake network: on pair k of the clip, all patches run min(k, 4) blocks."""

    network = SimpleNamespace(config=SimpleNamespace(patch=64))

    def between(self, left: Tensor, right: Tensor, times: Sequence[float]) -> list[Tensor]:
        depth = len(self.asked)
        self.last_routes = np.broadcast_to(np.arange(4) < depth, (2, 2, 4))
        return super().between(left, right, times)


@pytest.fixture(autouse=True)
def router(monkeypatch: pytest.MonkeyPatch) -> Router:
    stub = Router()
    monkeypatch.setattr(routes, "load_interpolator", lambda *_: stub)
    return stub


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    gray = [np.full((96, 128), 126, np.uint8)]
    return make_clip(tmp_path / "in.mp4", 6, width=128, height=96, planes=gray)


def draw(source: Path, **changes: object) -> RoutesSummary:
    target = source.with_name("out.mp4")
    return run(RoutesJob(source=source, target=target, **changes), lambda _: None)  # type: ignore[arg-type]


def colours(path: Path) -> list[list[int]]:
    """The mean RGB at the right edge of each frame, away from the legend."""
    from vfi_cli.engine.frames import to_frame
    from vfi_cli.jobs.score.clips import to_rgb

    with decode(probe(path)) as decoder:
        return [to_frame(to_rgb(frame))[10:50, 100:].mean((0, 1)).round().tolist() for frame in decoder]


def test_each_frame_shows_the_map_of_its_pair_and_the_last_frame_repeats_it(clip: Path) -> None:
    draw(clip)
    depths = [0, 1, 2, 3, 4, 4]
    gray = 128  # code 126 of 16..235
    for got, depth in zip(colours(clip.with_name("out.mp4")), depths, strict=True):
        assert got == pytest.approx(gray * (1 - OPACITY) + PALETTE[depth] * OPACITY, abs=3)


def test_every_frame_keeps_its_time(tmp_path: Path) -> None:
    times = [Fraction(k, 100) for k in (0, 7, 10, 40, 41)]
    source = make_clip(
        tmp_path / "in.mkv", 5, width=128, height=96, times=times, time_base=Fraction(1, 1000), codec="ffv1"
    )
    assert draw(source).frames == 5
    assert video_times(source.with_name("out.mp4")) == times


def test_shares_are_the_mean_over_all_pairs(clip: Path) -> None:
    assert draw(clip).shares == pytest.approx((4 / 5, 3 / 5, 2 / 5, 1 / 5))


def test_each_frame_is_prepared_once(clip: Path, router: Router) -> None:
    draw(clip)
    assert (router.prepared, router.asked) == (6, [[0.5]] * 5)


def test_only_the_chosen_part_is_drawn(clip: Path, router: Router) -> None:
    assert draw(clip, start=Fraction(2, 10), stop=Fraction(5, 10)).frames == 3
    assert router.prepared == 3


def test_an_odd_size_is_drawn_too(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", 3, width=65, height=51, codec="ffv1")
    assert draw(source).frames == 3


def test_progress_reports_frames_and_shares(clip: Path) -> None:
    seen: list[Progress] = []
    run(RoutesJob(source=clip, target=clip.with_name("out.mp4")), seen.append)
    assert [(progress.written, progress.expected) for progress in seen] == [(n, 6) for n in range(1, 7)]
    assert len(seen[-1].route_shares) == 4


def test_an_existing_file_is_replaced_only_if_asked(clip: Path) -> None:
    target = clip.with_name("out.mp4")
    target.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists"):
        draw(clip)
    assert target.read_bytes() == b"precious"
    draw(clip, overwrite=True)
    assert len(video_times(target)) == 6


def test_a_single_frame_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 1)
    with pytest.raises(InputError, match="pair"):
        draw(source)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_start_after_the_end_of_the_clip_is_refused(clip: Path) -> None:
    with pytest.raises(UsageError, match="after the end of the clip"):
        draw(clip, start=Fraction(100))
    assert [path.name for path in clip.parent.iterdir()] == ["in.mp4"]


def test_a_folder_of_images_is_accepted(tmp_path: Path) -> None:
    draw(make_folder(tmp_path / "pictures", 3))
    assert len(video_times(tmp_path / "out.mp4")) == 3


@pytest.mark.parametrize("job", [RoutesJob, InterpJob, EvalJob])
def test_invalid_keep_ratios_are_refused(job: type) -> None:
    for routing in ((0.1, 0.2), (0.1, 0.2, 0.3, 1.4), "routed"):
        with pytest.raises(UsageError, match="4 numbers from 0 to 1"):
            job(**{"paths": ()} if job is EvalJob else {"source": Path("a"), "target": Path("b")}, routing=routing)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(UsageError, match="end later than it starts"):
        RoutesJob(source=Path("a"), target=Path("b"), start=Fraction(2), stop=Fraction(1))
