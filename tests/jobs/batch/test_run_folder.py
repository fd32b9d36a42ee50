from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.blend import Blend
from tests.media import make_clip, truncated
from vfi_cli.errors import DeviceError, InputError, LimitError, OutputError, UsageError, VfiError
from vfi_cli.jobs.batch.run_folder import BatchJob, BatchReport, Outcome, State, Survey, run, survey
from vfi_cli.jobs.batch.worker import make_folder
from vfi_cli.jobs.interp.plan import InterpJob
from vfi_cli.jobs.interp.run_clip import run as interpolate
from vfi_cli.jobs.interp.summary import Progress, Summary


class OneProcessPool:
    """A pool whose only worker is this process."""

    def run(self, jobs: Sequence[InterpJob]) -> Iterator[tuple[int, Progress | Summary | VfiError]]:
        for number, job in enumerate(jobs):
            seen: list[Progress] = []
            make_folder(job.target.parent)
            try:
                summary = interpolate(job, seen.append, Blend())
            except VfiError as error:
                yield number, error
            else:
                yield number, seen[-1]
                yield number, summary


def batch(folder: Path, target: Path, options: dict | None = None, **choice) -> BatchJob:
    template = InterpJob(source=folder, scene_threshold=None, **(options or {}))
    return BatchJob(folder=folder, target=target, template=template, **choice)


def do(*arguments, **choice) -> BatchReport:
    return run(survey(batch(*arguments, **choice)), OneProcessPool())


def states(outcomes: Sequence[Outcome]) -> dict[str, State]:
    return {str(one.name): one.state for one in outcomes}


def to_do(surveyed: Survey) -> list[str]:
    return [str(surveyed.name_of(plan)) for plan in surveyed.plans]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder in/ with two good clips, one of them in a subfolder."""
    (tmp_path / "in/sub").mkdir(parents=True)
    make_clip(tmp_path / "in/a.mp4", 5)
    make_clip(tmp_path / "in/sub/b.mkv", 5)
    return tmp_path / "in"


def test_subfolders_are_kept_and_a_second_run_has_nothing_to_do(folder: Path, tmp_path: Path):
    out = tmp_path / "new/out"
    report = do(folder, out)
    assert states(report.outcomes) == {"a.mp4": State.DONE, "sub/b.mkv": State.DONE}
    assert report.exit_code == 0
    assert sorted(path for path in out.rglob("*") if path.is_file()) == [out / "a.mp4", out / "sub/b.mp4"]
    again = survey(batch(folder, out))
    assert states(again.outcomes) == {"a.mp4": State.FINISHED, "sub/b.mkv": State.FINISHED}
    assert to_do(again) == [] and all(one.note == "" for one in again.outcomes)
    assert to_do(survey(batch(folder, out, {"overwrite": True}))) == ["a.mp4", "sub/b.mkv"]


@pytest.mark.parametrize(
    "options, difference",
    [({"fps": "30"}, "has 20.000 fps, not 30.000"), ({"slowmo": 2}, "has 20.000 fps, not 10"), ({"multi": 4}, "fps")],
)
def test_an_output_with_other_options_is_neither_accepted_nor_replaced(
    folder: Path, tmp_path: Path, options: dict, difference: str
):
    do(folder, tmp_path / "out")
    before = (tmp_path / "out/a.mp4").read_bytes()
    report = do(folder, tmp_path / "out", options)
    assert report.exit_code == 4
    assert all(difference in one.note and "-y replaces it" in one.note for one in report.outcomes)
    assert (tmp_path / "out/a.mp4").read_bytes() == before


def test_an_existing_file_that_is_not_the_planned_output_is_an_error(folder: Path, tmp_path: Path):
    out = tmp_path / "out"
    out.mkdir()
    for name, size, frames in (("a", 96, 10), ("c", 64, 40), ("d", 64, 10), ("f", 64, 4)):
        make_clip(folder / f"{name}.mp4", 5)
        make_clip(out / f"{name}.mp4", frames, width=size, rate=20)
    make_clip(folder / "e.mp4", 5)
    (out / "e.mp4").write_text("not a video")
    os.utime(out / "d.mp4", (1, 1))
    notes = {str(one.name): (one.exit_code, one.note) for one in survey(batch(folder, out)).outcomes}
    assert notes["a.mp4"][0] == 4 and "is 96x48, not 64x48" in notes["a.mp4"][1]
    assert notes["c.mp4"][0] == 4 and "lasts 2.0 s, not 0.5" in notes["c.mp4"][1]
    assert notes["d.mp4"][0] == 4 and "older than its source" in notes["d.mp4"][1]
    assert notes["e.mp4"][0] == 4 and "not a readable video" in notes["e.mp4"][1]


def test_a_finished_output_that_is_shorter_than_planned_is_skipped_with_a_note(tmp_path: Path):
    whole = make_clip(tmp_path / "whole.mp4", 100, faststart=True, options={"g": "10"})
    (tmp_path / "in").mkdir()
    truncated(whole, 0.8, tmp_path / "in/a.mp4")
    first = do(tmp_path / "in", tmp_path / "out")
    assert states(first.outcomes) == {"a.mp4": State.DAMAGED} and first.exit_code == 5
    again = do(tmp_path / "in", tmp_path / "out")
    assert states(again.outcomes) == {"a.mp4": State.FINISHED} and again.exit_code == 0
    assert "s, not 10.0" in again.outcomes[0].note


def test_bad_files_are_reported_and_the_others_are_done(folder: Path, tmp_path: Path):
    (folder / "text.mp4").write_text("hi")
    (folder / "empty.mp4").touch()
    (folder / "gone.mp4").symlink_to("nothing")
    os.mkfifo(folder / "pipe.mp4")
    (folder / "loop").symlink_to(".")
    report = do(folder, tmp_path / "out")
    failed = {str(one.name): one.note for one in report.outcomes if one.state is State.FAILED}
    assert set(failed) == {"text.mp4", "empty.mp4", "gone.mp4", "pipe.mp4"}
    assert "a link to a file that does not exist" in failed["gone.mp4"] and "is a pipe" in failed["pipe.mp4"]
    assert [str(one.name) for one in report.outcomes if one.state is State.DONE] == ["a.mp4", "sub/b.mkv"]
    assert report.exit_code == 3


def test_outputs_in_a_subfolder_of_the_inputs_are_never_inputs(folder: Path):
    out = folder / "out"
    assert do(folder, out).exit_code == 0
    surveyed = survey(batch(folder, out, {"overwrite": True}))
    assert to_do(surveyed) == ["a.mp4", "sub/b.mkv"]


def test_outputs_beside_the_inputs_have_their_own_names_and_are_never_inputs(folder: Path):
    assert do(folder, folder, {"fps": "30"}, suffix=".mkv").exit_code == 0
    assert (folder / "a_30fps.mkv").exists() and (folder / "sub/b_30fps.mkv").exists()
    again = survey(batch(folder, folder, {"fps": "30"}, suffix=".mkv"))
    assert states(again.outcomes) == {"a.mp4": State.FINISHED, "sub/b.mkv": State.FINISHED}
    assert [str(name) for name in again.own] == ["a_30fps.mkv", "sub/b_30fps.mkv"]
    assert to_do(survey(batch(folder, folder, {"multi": 2}))) == ["a.mp4", "sub/b.mkv"]


def test_two_clips_with_one_output_are_refused(folder: Path, tmp_path: Path):
    make_clip(folder / "sub/b.mp4", 5)
    with pytest.raises(UsageError, match=r"both sub/b.mkv and sub/b.mp4|both sub/b.mp4 and sub/b.mkv"):
        survey(batch(folder, tmp_path / "out"))
    with pytest.raises(UsageError, match="both"):
        survey(batch(folder, folder))
    assert to_do(survey(batch(folder, tmp_path / "out", match=("*.mkv",)))) == ["sub/b.mkv"]


def test_an_output_never_replaces_a_source(tmp_path: Path):
    """The outputs of in/in/ would go to in/."""
    (tmp_path / "in/in").mkdir(parents=True)
    make_clip(tmp_path / "in/a.mp4", 5)
    make_clip(tmp_path / "in/in/a.mp4", 5)
    with pytest.raises(UsageError, match="is a source"):
        survey(batch(tmp_path / "in", tmp_path, {"overwrite": True}))


def test_the_files_of_a_list_are_done_in_its_order(folder: Path, tmp_path: Path):
    surveyed = survey(batch(folder, tmp_path / "out", names=("sub/b.mkv", "missing.mp4", "a.mp4")))
    assert to_do(surveyed) == ["sub/b.mkv", "a.mp4"]
    assert [(str(one.name), one.note) for one in surveyed.outcomes] == [("missing.mp4", "no such file")]
    assert [str(one.name) for one in run(surveyed, OneProcessPool()).outcomes] == ["sub/b.mkv", "missing.mp4", "a.mp4"]


def test_a_list_and_patterns_exclude_each_other(folder: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="exclude"):
        batch(folder, tmp_path / "out", names=("a.mp4",), match=("*",))


def test_a_survey_writes_no_files(folder: Path, tmp_path: Path):
    survey(batch(folder, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_folder_without_videos_and_a_target_that_is_a_file_are_errors(folder: Path, tmp_path: Path):
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no video"):
        survey(batch(tmp_path / "none", tmp_path / "out"))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="not a folder"):
        survey(batch(folder, tmp_path / "file"))


def test_a_folder_that_cannot_be_created_is_an_output_error(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be created"):
        make_folder(tmp_path / "file/below")


def test_progress_covers_all_clips(folder: Path, tmp_path: Path):
    seen: list[Progress] = []
    outcomes: list[Outcome] = []
    run(survey(batch(folder, tmp_path / "out")), OneProcessPool(), outcomes.append, seen.append)
    assert [(one.read, one.written, one.expected) for one in seen] == [(5, 10, 20), (10, 20, 20)]
    assert [str(one.name) for one in outcomes] == ["a.mp4", "sub/b.mkv"]


@pytest.mark.parametrize(
    "errors, code",
    [
        ([], 0),
        ([InputError("")], 3),
        ([InputError(""), UsageError("")], 3),
        ([InputError(""), LimitError("")], 7),
        ([LimitError(""), OutputError("")], 4),
        ([DeviceError(""), OutputError("")], 6),
        ([DeviceError(""), VfiError("")], 1),
    ],
)
def test_the_worst_clip_decides_the_exit_code(errors: list[VfiError], code: int):
    good = Outcome(Path("good"), State.FINISHED)
    bad = [Outcome(Path("bad"), State.FAILED, error=error) for error in errors]
    assert BatchReport((good, *bad), 0.0).exit_code == code
