from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vfi_cli.errors import InputError
from vfi_cli.train.packs import read_pack

GREYS = (40, 80, 120, 160, 200, 240)
"""Of the frames of the clip: they tell which is which."""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for grey in GREYS:
        writer.write(np.full((48, 64, 3), (0, grey, 250), np.uint8))  # OpenCV: blue, green, red
    writer.release()
    return tmp_path


def index(pack: Path, text: str) -> None:
    (pack / "index.csv").write_text(text)


def test_reads_windows_as_rgb(pack: Path) -> None:
    index(pack, "file,first_frame,frames,width,height\na.avi,0,4,64,48\na.avi,3,3,64,48\n")
    windows = read_pack(pack)
    assert [window.shape for window in windows] == [(4, 48, 64, 3), (3, 48, 64, 3)]
    assert windows[0].dtype == np.uint8
    for window, greys in zip(windows, (GREYS[:4], GREYS[3:]), strict=True):
        np.testing.assert_allclose(window[..., 1].mean((1, 2)), greys, atol=6)
    red, _, blue = windows[0].mean((0, 1, 2))
    assert red > 200 and blue < 50


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,first_frame,frames\na.avi,3,4\n", "ends after 6 frames"),
        ("file,first_frame,frames\nb.avi,0,3\n", "ends after 0 frames"),
        ("file,first_frame,frames\n", "windows of 3"),
        ("", "windows of 3"),
        ("file,first_frame,frames\na.avi,0,2\n", "windows of 3"),
        ("file,first_frame,frames\na.avi,-1,3\n", "windows of 3"),
        ("file,first_frame\na.avi,0\n", "damaged"),
        ("file,first_frame,frames\na.avi,0\n", "damaged"),
        ("file,first_frame,frames\na.avi,0,many\n", "damaged"),
    ],
    ids=["too short", "no clip", "no rows", "empty", "no middle", "before the start", "column", "cell", "number"],
)
def test_refuses_a_pack_that_is_not_what_its_index_says(pack: Path, text: str, says: str) -> None:
    index(pack, text)
    with pytest.raises(InputError, match=says) as caught:
        read_pack(pack)
    assert caught.value.remedy and caught.value.path


def test_refuses_a_folder_without_an_index(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"index\.csv") as caught:
        read_pack(tmp_path)
    assert caught.value.remedy
