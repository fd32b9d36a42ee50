"""Reads small copies of each layout that `--data` accepts."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.train.packs import write_clip, write_pack
from vfi_cli.errors import InputError
from vfi_cli.train.data.published_sets import X_TRAIN_STRIDE
from vfi_cli.train.data.read_data import read_windows
from vfi_cli.train.data.shots import find_windows


def picture(seed: int, shift: int = 0) -> np.ndarray:
    """A smooth image (48, 64, 3), shifted by `shift` pixels."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 9, 3)).astype(np.uint8)
    return cv2.resize(coarse, (96, 48), interpolation=cv2.INTER_CUBIC)[:, shift : shift + 64]


def write_images(folder: Path, names: list[str], seed: int = 0) -> None:
    folder.mkdir(parents=True)
    for k, name in enumerate(names):
        cv2.imwrite(str(folder / name), picture(seed, k % 32)[..., ::-1])


@pytest.mark.parametrize(("list_name", "frames"), [("tri_trainlist.txt", 3), ("sep_trainlist.txt", 7)])
def test_vimeo90k(tmp_path: Path, list_name: str, frames: int) -> None:
    for k, name in enumerate(("00001/0001", "00001/0002", "00002/0001", "00003/0001")):
        write_images(tmp_path / "sequences" / name, [f"im{k + 1}.png" for k in range(frames)], seed=k)
    (tmp_path / list_name).write_text("00001/0001\n00001/0002\n00002/0001\n\n")
    (tmp_path / "tri_testlist.txt").write_text("00003/0001\n")
    windows = read_windows(tmp_path)
    assert [window.source for window in windows] == ["vimeo90k/00001"] * 2 + ["vimeo90k/00002"]
    assert [window.frames for window in windows] == [frames] * 3
    np.testing.assert_array_equal(windows[1].read(), [picture(1, k) for k in range(frames)])


def test_vimeo90k_with_missing_sequences_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path / "sequences" / "00001/0001", ["im1.png", "im2.png", "im3.png"])
    (tmp_path / "tri_trainlist.txt").write_text("00001/0001\n00009/0001\n")
    with pytest.raises(InputError, match=r"1 of 2 sequences.*00009/0001") as caught:
        read_windows(tmp_path)
    assert caught.value.remedy


@pytest.mark.parametrize("named", ["", "train"])
def test_x_train(tmp_path: Path, named: str) -> None:
    for k, clip in enumerate(("002/occ008.320", "002/occ008.322", "005/occ001.100")):
        write_images(tmp_path / "train" / clip, [f"{k:04d}.png" for k in range(65)], seed=k)
    windows = read_windows(tmp_path / named)
    assert [window.source for window in windows] == ["x-train/002"] * 2 + ["x-train/005"]
    assert [window.frames for window in windows] == [9] * 3
    np.testing.assert_array_equal(windows[2].read()[3], picture(2, 3 * X_TRAIN_STRIDE))


def test_frames_are_in_numeric_order(tmp_path: Path) -> None:
    write_images(tmp_path / "002/occ008.320", [f"{k}.png" for k in range(65)])
    (window,) = read_windows(tmp_path)
    np.testing.assert_array_equal(window.read()[2], picture(0, 2 * X_TRAIN_STRIDE))


def test_clips_are_cut_into_windows_within_their_shots(tmp_path: Path) -> None:
    lights = ((0, 12, 0), (1, 2, 170), (2, 5, 0))  # seed, frames, how bright
    shots = [[picture(seed, k) // 3 + light for k in range(count)] for seed, count, light in lights]
    write_clip(tmp_path / "film.avi", [frame for shot in shots for frame in shot])
    write_images(tmp_path / "deep" / "frames", [f"{k}.png" for k in range(4)], seed=3)
    windows = read_windows(tmp_path)
    assert [(window.source.partition("/")[2], window.frames) for window in windows] == [
        ("film.avi", 9),
        ("film.avi", 3),
        ("film.avi", 5),
        ("deep/frames", 4),
    ]
    for window, shot, first in zip(windows, (shots[0], shots[0], shots[2]), (0, 9, 0), strict=False):
        expected = np.stack(shot[first : first + window.frames]).astype(int)
        assert np.abs(window.read() - expected).mean() < 3
    assert [window.frames for window in read_windows(tmp_path / "film.avi")] == [9, 3, 5]


def test_repeated_frames_are_no_window() -> None:
    grays = [picture(0, k)[..., 0] for k in (0, 1, 2, 3, 3, 3, 4, 5)]
    assert find_windows(iter(grays)) == [(0, 4), (5, 3)]
    assert find_windows(iter(grays[:1] * 5)) == [] == find_windows(iter([]))


def test_a_clip_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.avi", [picture(0, k) for k in range(4)])
    (tmp_path / "b.mp4").write_bytes(b"nothing")
    assert [window.source for window in read_windows(tmp_path)] == [f"{tmp_path.name}/a.avi"]


def test_a_pack_is_recognized_by_its_index(tmp_path: Path) -> None:
    assert len(read_windows(write_pack(tmp_path / "pack"))) == 3


@pytest.mark.parametrize("content", ["nothing", "text", "still", "missing"])
def test_anything_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "data"
    if content != "missing":
        path.mkdir()
    if content == "text":
        (path / "readme.txt").write_text("hello")
    if content == "still":
        write_clip(path / "a.avi", [picture(0)] * 5)
    with pytest.raises(InputError) as caught:
        read_windows(path)
    assert caught.value.path == path and caught.value.remedy
