from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch import Tensor

from vfi_cli.engine.frames import Frame
from vfi_cli.errors import InputError, UsageError
from vfi_cli.jobs.score import evaluate
from vfi_cli.jobs.score.clips import find_clips
from vfi_cli.jobs.score.evaluate import BadClip, ClipScore, EvalJob, EvalReport, blend_of, run


class Blend:
    """A fake network: returns the mean of the two frames, and records its inputs."""

    def __init__(self) -> None:
        self.prepared: list[int] = []

    def prepare(self, rgb: Tensor) -> Tensor:
        self.prepared.append(round(float(rgb[0, 0, 0]) * 255))
        return rgb

    def between(self, left: Tensor, right: Tensor, times: Sequence[float]) -> list[Tensor]:
        return [left * (1 - t) + right * t for t in times]


@pytest.fixture
def blend(monkeypatch: pytest.MonkeyPatch) -> Blend:
    stub = Blend()
    monkeypatch.setattr(evaluate, "load_interpolator", lambda *_: stub)
    return stub


def flat(level: int) -> Frame:
    return np.full((16, 20, 3), level, np.uint8)


def write_frames(folder: Path, frames: Sequence[Frame], name: str = "{}.png") -> Path:
    folder.mkdir(parents=True)
    for index, frame in enumerate(frames):
        _, codes = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        (folder / name.format(index)).write_bytes(codes.tobytes())
    return folder


def score(*paths: Path, max_frames: int | None = None, baseline: bool = False) -> EvalReport:
    return run(EvalJob(paths, max_frames=max_frames, blend=baseline), lambda _: None)


def test_even_frames_are_the_inputs_and_odd_frames_are_the_truth(tmp_path: Path, blend: Blend) -> None:
    folder = write_frames(tmp_path / "clip", [flat(level) for level in (0, 12, 20, 33, 40)])
    (clip,) = score(folder).clips
    assert blend.prepared == [0, 20, 40]
    assert (clip.clip, clip.frames) == ("clip", 2)
    assert clip.score.psnr == pytest.approx((42.1102 + 38.5883) / 2, abs=1e-3)  # errors of 2 and 3


def test_frames_are_taken_in_the_order_of_their_numbers(tmp_path: Path, blend: Blend) -> None:
    score(write_frames(tmp_path / "clip", [flat(level) for level in range(12)], name="f{}.png"))
    assert blend.prepared == [0, 2, 4, 6, 8, 10]


def test_a_last_frame_without_a_right_neighbour_is_left_out(tmp_path: Path, blend: Blend) -> None:
    (clip,) = score(write_frames(tmp_path / "clip", [flat(level) for level in range(6)])).clips
    assert clip.frames == 2


def test_max_frames_counts_frames_read(tmp_path: Path, blend: Blend) -> None:
    folder = write_frames(tmp_path / "clip", [flat(level) for level in range(9)])
    (clip,) = score(folder, max_frames=5).clips
    assert (clip.frames, blend.prepared) == (2, [0, 2, 4])


def test_colours_reach_the_network_as_red_green_blue(tmp_path: Path, blend: Blend) -> None:
    red = flat(0)
    red[..., 0] = 200
    score(write_frames(tmp_path / "clip", [red] * 3))
    assert blend.prepared == [200, 200]


def test_the_baseline_is_the_rounded_blend_of_the_two_frames(tmp_path: Path, blend: Blend) -> None:
    assert blend_of(flat(255), flat(254))[0, 0, 0] == 255
    report = score(write_frames(tmp_path / "clip", [flat(0), flat(12), flat(20)]), baseline=True)
    assert report.clips[0].blend == report.clips[0].score == report.mean_blend


def test_every_clip_weighs_the_same_in_the_mean(tmp_path: Path, blend: Blend) -> None:
    write_frames(tmp_path / "all" / "a", [flat(level) for level in (0, 12, 20)])
    write_frames(tmp_path / "all" / "b", [flat(level) for level in (0, 13, 20, 33, 40)])
    report = score(tmp_path / "all")
    assert [clip.clip for clip in report.clips] == ["all/a", "all/b"]
    assert report.mean is not None
    assert report.mean.psnr == pytest.approx((42.1102 + 38.5883) / 2, abs=1e-3)


def test_a_bad_clip_is_listed_and_the_others_are_scored(tmp_path: Path, blend: Blend) -> None:
    write_frames(tmp_path / "all" / "1", [flat(1)] * 3)
    write_frames(tmp_path / "all" / "2", [flat(1)] * 3)
    (tmp_path / "all" / "1" / "1.png").write_bytes(b"not a picture")
    write_frames(tmp_path / "all" / "3", [flat(1)] * 2)
    write_frames(tmp_path / "all" / "4", [flat(1), flat(1), flat(1)[:12]])
    (tmp_path / "all" / "5.mp4").write_bytes(b"not a video")
    seen: list[ClipScore | BadClip] = []
    report = run(EvalJob((tmp_path / "all",)), seen.append)
    assert [clip.clip for clip in report.clips] == ["all/2"]
    assert [clip.clip for clip in report.bad] == ["all/1", "all/3", "all/4", "all/5.mp4"]
    assert "1.png" in report.bad[0].error
    assert "3 frames" in report.bad[1].error
    assert "size in 2.png" in report.bad[2].error
    assert len(seen) == 5


def test_finds_clips_one_level_down_and_nothing_else(tmp_path: Path) -> None:
    write_frames(tmp_path / "10", [flat(1)])
    write_frames(tmp_path / "2", [flat(1)])
    write_frames(tmp_path / "deep" / "er", [flat(1)])
    for name in ("a.MP4", "notes.txt"):
        (tmp_path / name).touch()
    assert [clip.path.name for clip in find_clips([tmp_path])] == ["2", "10", "a.MP4"]


def test_a_folder_without_clips_and_a_missing_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no clip"):
        find_clips([tmp_path])
    with pytest.raises(InputError, match="no such"):
        find_clips([tmp_path / "missing"])


def test_hold_out_needs_three_frames() -> None:
    with pytest.raises(UsageError, match="at least 3"):
        EvalJob((), max_frames=2)
