from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.train.packs import write_clip
from vfi_cli.errors import InputError
from vfi_cli.train.data.packs import read_pack

GREYS = (40, 80, 120, 160, 200, 240)
"""Gray levels that identify the frames of the clip."""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    write_clip(tmp_path / "a.avi", [np.full((48, 64, 3), (250, grey, 0), np.uint8) for grey in GREYS])
    return tmp_path


def index(pack: Path, text: str) -> None:
    (pack / "index.csv").write_text(text)


def test_reads_windows_as_rgb(pack: Path) -> None:
    index(pack, "file,first_frame,frames,width,height\na.avi,0,4,64,48\na.avi,3,3,64,48\n")
    windows = [window.read() for window in read_pack(pack)]
    assert [window.shape for window in windows] == [(4, 48, 64, 3), (3, 48, 64, 3)]
    assert windows[0].dtype == np.uint8
    for window, greys in zip(windows, (GREYS[:4], GREYS[3:]), strict=True):
        np.testing.assert_allclose(window[..., 1].mean((1, 2)), greys, atol=6)
    red, _, blue = windows[0].mean((0, 1, 2))
    assert red > 200 and blue < 50


def test_an_index_without_sizes_is_accepted(pack: Path) -> None:
    index(pack, "file,first_frame,frames\na.avi,0,4\n")
    (window,) = read_pack(pack)
    assert (window.height, window.width) == (48, 64) and window.read().shape == (4, 48, 64, 3)


def test_windows_with_the_same_source_column_share_a_source(pack: Path) -> None:
    index(pack, "file,first_frame,frames,source\na.avi,0,3,film\na.avi,3,3,film\n")
    assert {window.source for window in read_pack(pack)} == {"film"}
    index(pack, "file,first_frame,frames\na.avi,0,3\n")
    assert read_pack(pack)[0].source == f"{pack.name}/a.avi"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,first_frame,frames\nb.avi,0,3\n", "missing"),
        ("file,first_frame,frames\nindex.csv,0,3\n", "not a video"),
        ("file,first_frame,frames\n", "no windows"),
        ("", "no windows"),
        ("file,first_frame,frames\na.avi,0,2\n", "damaged"),
        ("file,first_frame,frames\na.avi,-1,3\n", "damaged"),
        ("file,first_frame\na.avi,0\n", "damaged"),
        ("file,first_frame,frames\na.avi,0\n", "damaged"),
        ("file,first_frame,frames\na.avi,0,many\n", "damaged"),
    ],
    ids=["no clip", "no video", "no rows", "empty", "no middle", "before the start", "column", "cell", "number"],
)
def test_refuses_a_damaged_pack(pack: Path, text: str, says: str) -> None:
    index(pack, text)
    with pytest.raises(InputError, match=says) as caught:
        read_pack(pack)
    assert caught.value.remedy and caught.value.path


@pytest.mark.parametrize(
    "row", ["a.avi,3,4,64,48", "a.avi,6,3,64,48", "a.avi,0,3,32,48"], ids=["ends early", "starts after", "size"]
)
def test_reading_refuses_a_clip_that_differs_from_the_index(pack: Path, row: str) -> None:
    index(pack, f"file,first_frame,frames,width,height\n{row}\n")
    (window,) = read_pack(pack)
    with pytest.raises(InputError) as caught:
        window.read()
    assert caught.value.remedy and caught.value.path
