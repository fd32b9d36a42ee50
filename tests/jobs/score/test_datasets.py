"""A small copy of each test set, with the real layout and uniform images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.blend import Blend
from vfi_cli.cli.evaluate import ProtocolName
from vfi_cli.errors import InputError, UsageError
from vfi_cli.jobs.score import evaluate
from vfi_cli.jobs.score.datasets import PROTOCOLS, XIPH_CLIPS, centre, half_size
from vfi_cli.jobs.score.evaluate import EvalJob, EvalReport, run
from vfi_cli.jobs.score.samples import Pictures, Sample


class Asked(Blend):
    """Records the gray levels of the uniform images that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[int] = []
        self.sizes: set[tuple[int, ...]] = set()

    def prepare(self, rgb):
        self.shown.append(round(float(rgb[0, 0, 0]) * 255))
        self.sizes.add(tuple(rgb.shape))
        return super().prepare(rgb)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    stub = Asked()
    monkeypatch.setattr(evaluate, "load_interpolator", lambda *_: stub)
    return stub


def write(path: Path, level: int, size: tuple[int, int] = (16, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _, codes = cv2.imencode(path.suffix, np.full((*size, 3), level, np.uint8))
    path.write_bytes(codes.tobytes())


def score(protocol: str, root: Path) -> EvalReport:
    return run(EvalJob((root,), protocol=protocol), lambda _: None)


def names(report: EvalReport) -> list[tuple[str, int]]:
    return [(clip.clip, clip.frames) for clip in report.clips]


def test_the_command_knows_all_protocols():
    assert [protocol.value for protocol in ProtocolName] == list(PROTOCOLS)


def test_vimeo90k_is_the_triplets_of_the_test_list(tmp_path: Path, asked: Asked):
    for place in ("00001/0001", "00001/0002", "00002/0001"):
        for number, level in ((1, 10), (2, 23), (3, 30)):
            write(tmp_path / f"sequences/{place}/im{number}.png", level)
    (tmp_path / "tri_testlist.txt").write_text("00001/0002\n00002/0001\n\n")
    (tmp_path / "tri_trainlist.txt").write_text("00001/0001\n")
    report = score("vimeo90k", tmp_path)
    assert names(report) == [("00001/0002", 1), ("00002/0001", 1)]
    assert asked.shown == [10, 30] * 2 and asked.asked == [[0.5]] * 2
    assert report.mean is not None and report.mean.psnr == pytest.approx(38.5883, abs=1e-3)  # an error of 3


def test_ucf101_is_the_triplets_of_deep_voxel_flow_in_the_order_of_their_numbers(tmp_path: Path, asked: Asked):
    for number in (1, 11, 2):
        for name, level in (("frame_00", 10), ("frame_01_gt", 20), ("frame_01_ours", 99), ("frame_02", 30)):
            write(tmp_path / f"{number}/{name}.png", level)
    assert names(score("ucf101", tmp_path)) == [("1", 1), ("2", 1), ("11", 1)]
    assert asked.shown == [10, 30] * 3


@pytest.mark.parametrize("prefix", ["data/SNU-FILM/", ""])
@pytest.mark.parametrize("folder", ["", "eval_modes/"])
def test_snu_film_is_the_triplets_of_one_list(tmp_path: Path, asked: Asked, prefix: str, folder: str):
    scene = "test/GOPRO_test/GOPR0384_11_00"
    for number, level in ((1, 10), (3, 20), (5, 30)):
        write(tmp_path / f"{scene}/{number:06d}.png", level)
    for level in ("easy", "medium", "hard", "extreme"):
        list_file = tmp_path / f"{folder}test-{level}.txt"
        list_file.parent.mkdir(exist_ok=True)
        line = " ".join(f"{prefix}{scene}/{number:06d}.png" for number in (1, 3, 5))
        list_file.write_text(f"{line}\n" if level == "hard" else "none.png none.png none.png\n")
    assert names(score("snu-film-hard", tmp_path)) == [(f"{scene}/000003.png", 1)]
    assert asked.shown == [10, 30]
    assert [bad.clip for bad in score("snu-film-easy", tmp_path).bad] == ["none.png"]


def test_a_line_of_snu_film_that_is_no_triplet_is_an_error(tmp_path: Path, asked: Asked):
    (tmp_path / "test-easy.txt").write_text("a.png b.png\n")
    with pytest.raises(InputError, match="three images"):
        score("snu-film-easy", tmp_path)


@pytest.mark.parametrize("protocol", ["xiph-2k", "xiph-4k"])
def test_xiph_is_every_other_of_a_hundred_frames_of_eight_clips(tmp_path: Path, asked: Asked, protocol: str):
    for name in XIPH_CLIPS:
        for number in range(1, 102):
            write(tmp_path / f"{name}-{number:03d}.png", number, (24, 44))
    report = score(protocol, tmp_path)
    assert names(report) == [(name, 49) for name in XIPH_CLIPS]
    assert asked.shown == list(range(1, 100, 2)) * 8  # each frame once, although it is in two pairs
    assert asked.sizes == {(3, 12, 22)}


def test_2k_is_the_image_scaled_down_and_4k_its_middle():
    picture = np.zeros((2160, 4096, 3), np.uint8)
    picture[::2] = 200
    picture[540:-540, 1024:-1024] += 7
    assert half_size(picture).shape == centre(picture).shape == (1080, 2048, 3)
    assert half_size(picture)[0, 0, 0] == 100  # rows of 200 and 0
    assert np.array_equal(centre(picture), picture[540:-540, 1024:-1024])


@pytest.mark.parametrize(("protocol", "size"), [("x-test-2k", (3, 12, 22)), ("x-test-4k", (3, 24, 44))])
def test_x_test_is_seven_frames_between_frames_0_and_32(tmp_path: Path, asked: Asked, protocol: str, size: tuple):
    for scene in ("Type1/TEST_01_003_f0433", "Type2/TEST_06_001_f0273"):
        for number in range(33):
            write(tmp_path / f"{scene}/{number:04d}.png", 100 + 2 * number, (24, 44))
    report = score(protocol, tmp_path)
    assert names(report) == [("Type1/TEST_01_003_f0433", 7), ("Type2/TEST_06_001_f0273", 7)]
    assert asked.shown == [100, 164] * 2 and asked.sizes == {size}
    assert asked.asked == [[k / 8 for k in range(1, 8)]] * 2
    assert report.mean is not None and report.mean.psnr == 100  # the brightness increases linearly


@pytest.mark.parametrize(
    ("list_file", "line"),
    [
        ("ImageSets/2016/val.txt", "{}\n"),
        ("ImageSets/480p/val.txt", "/JPEGImages/480p/{0}/00000.jpg /Annotations/480p/{0}/00000.png \n" * 2),
    ],
)
def test_davis_is_hold_out_on_the_validation_sequences(tmp_path: Path, asked: Asked, list_file: str, line: str):
    for name in ("bear", "blackswan", "camel"):
        for number in range(5):
            write(tmp_path / f"JPEGImages/480p/{name}/{number:05d}.jpg", 40 * number)
    (tmp_path / list_file).parent.mkdir(parents=True)
    (tmp_path / list_file).write_text(line.format("blackswan") + line.format("camel"))
    assert names(score("davis", tmp_path)) == [("blackswan", 2), ("camel", 2)]
    assert asked.shown == [0, 80, 160] * 2


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_another_folder_is_an_error_that_says_what_is_missing(tmp_path: Path, protocol: str, asked: Asked):
    with pytest.raises(InputError, match="is missing"):
        score(protocol, tmp_path)
    with pytest.raises(InputError):
        score(protocol, tmp_path / "missing")


def test_a_missing_image_fails_its_clip_and_the_others_are_scored(tmp_path: Path, asked: Asked):
    for number in (1, 2):
        for name in ("frame_00", "frame_01_gt", "frame_02"):
            write(tmp_path / f"{number}/{name}.png", 10)
    (tmp_path / "1/frame_02.png").unlink()
    write(tmp_path / "3/frame_01_gt.png", 10, (12, 20))
    for name in ("frame_00", "frame_02"):
        write(tmp_path / f"3/{name}.png", 10)
    report = score("ucf101", tmp_path)
    assert names(report) == [("2", 1)] and report.exit_code == 5
    assert [bad.clip for bad in report.bad] == ["1", "3"]
    assert "frame_02.png" in report.bad[0].error and "one size" in report.bad[1].error


def test_a_protocol_takes_one_folder_and_all_of_its_frames(tmp_path: Path):
    with pytest.raises(UsageError, match="one folder"):
        EvalJob((tmp_path, tmp_path), protocol="davis")
    with pytest.raises(UsageError, match="exclude"):
        EvalJob((tmp_path,), protocol="davis", max_frames=5)


def test_consecutive_samples_share_a_frame(tmp_path: Path, asked: Asked):
    (trial,) = (trial for trial in PROTOCOLS["xiph-4k"](_xiph(tmp_path)) if trial.name == "Tango")
    assert isinstance(trial, Pictures)
    first, second, *_ = trial.samples()
    assert isinstance(first, Sample) and first.right is second.left


def _xiph(root: Path) -> Path:
    for number in range(1, 101):
        write(root / f"Tango-{number:03d}.png", number, (24, 44))
    return root
