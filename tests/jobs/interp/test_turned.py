"""Jobs on clips that players turn, with outputs that cannot store an orientation."""

import io
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.blend import Blend
from tests.media import make_clip
from vfi_cli.jobs.interp.plan import InterpJob, make_plan
from vfi_cli.jobs.interp.run_clip import run
from vfi_cli.video.formats import PIPE
from vfi_cli.video.image.image_file import read_image
from vfi_cli.video.read.probe import probe
from vfi_cli.video.write import pipe

RED, BLUE = (81, 90, 240), (41, 240, 110)  # Y, U, V of BT.601


def corner_clip(path, **turned):
    """A blue clip whose stored frames are red in the upper left quarter."""
    planes = [np.full(shape, code, np.uint8) for shape, code in zip(((48, 64), (24, 32), (24, 32)), BLUE, strict=True)]
    for plane, code in zip(planes, RED, strict=True):
        plane[: plane.shape[0] // 2, : plane.shape[1] // 2] = code
    return make_clip(path, 2, codec="libx264", planes=planes, matrix=6, options={"qp": "0"}, **turned)


def interp(source, target, **options):
    return run(InterpJob(source=source, target=target, scene_threshold=None, **options), interpolator=Blend())


def red_of(image):
    """Whether red is in the upper half, and whether it is in the left half."""
    red = image[..., 0].astype(int) - image[..., 2] > 0
    rows, columns = np.nonzero(red)
    assert np.count_nonzero(red) * 4 == red.size
    return rows.max() < red.shape[0] / 2, columns.max() < red.shape[1] / 2


@pytest.mark.parametrize("name", ["o.gif", "o/%d.png", "o/%d.jpg", "o/%d.tif", "o/%d.exr"])
@pytest.mark.parametrize(("rotation", "mirrored", "corner"), [(90, False, (False, True)), (-90, True, (True, True))])
def test_image_files_and_gifs_are_upright(tmp_path, name, rotation, mirrored, corner):
    clip = corner_clip(tmp_path / "a.mp4", rotation=rotation, mirrored=mirrored)
    target = tmp_path / name
    interp(clip, target, fps="10")
    if target.suffix == ".gif":
        with av.open(str(target)) as file:
            shown = next(file.decode(video=0)).to_ndarray(format="rgb24")
    else:
        shown = read_image(target.with_name(target.name % 1)).frame.to_ndarray(format="rgb24")
    assert shown.shape == (64, 48, 3)
    assert red_of(shown) == corner


def test_turned_frames_equal_the_stored_frames_pixel_by_pixel(tmp_path):
    rng = np.random.default_rng(0)
    planes = [rng.integers(16, 236, shape, np.uint8) for shape in ((48, 64), (24, 32), (24, 32))]
    for name, rotation in (("stored", 0), ("turned", 90)):
        clip = make_clip(tmp_path / f"{name}.mp4", 2, planes=planes, options={"qp": "0"}, rotation=rotation)
        interp(clip, tmp_path / name / "%d.png", multi=2)
    for number in range(1, 5):
        stored, turned = (
            read_image(tmp_path / name / f"{number}.png").frame.to_ndarray(format="rgb24")
            for name in ("stored", "turned")
        )
        assert np.array_equal(turned, np.rot90(stored))


def test_frames_in_a_pipe_are_upright(tmp_path, monkeypatch):
    sink = io.BytesIO()
    monkeypatch.setattr(pipe, "_standard_output", lambda: sink)
    interp(corner_clip(tmp_path / "a.mp4", rotation=90), PIPE, fps="10")
    assert sink.getvalue().startswith(b"YUV4MPEG2 W48 H64 ")
    with av.open(io.BytesIO(sink.getvalue()), format="yuv4mpegpipe") as file:
        frame = next(file.decode(video=0))
    luma = np.frombuffer(frame.planes[0], np.uint8).reshape(64, -1)[:, :48]
    assert np.array_equal(np.unique(luma[32:, :24]), [RED[0]])
    assert np.count_nonzero(luma == RED[0]) == 32 * 24


def test_a_webp_is_upright(tmp_path):
    interp(make_clip(tmp_path / "a.mp4", 2, rotation=90), tmp_path / "o.webp", fps="10")
    data = (tmp_path / "o.webp").read_bytes()
    at = data.index(b"VP8X") + 12  # canvas width and height, each less 1, in 24 bits
    assert [1 + int.from_bytes(data[k : k + 3], "little") for k in (at, at + 3)] == [48, 64]


def test_a_video_file_stores_its_orientation(tmp_path):
    clip = corner_clip(tmp_path / "a.mp4", rotation=-90, mirrored=True)
    for suffix in ("mp4", "mov", "mkv", "webm"):
        plan = make_plan(InterpJob(source=clip, target=tmp_path / f"o.{suffix}", fps="10"))
        assert (plan.turn, plan.encode.width) == (None, 64)
        interp(clip, plan.target, fps="10")
        made = probe(plan.target)
        assert (made.rotation, made.mirrored, made.width) == (-90, True, 64)


def test_warnings_say_how_frames_are_turned_or_that_they_cannot_be(tmp_path):
    def warnings(rotation, mirrored, target):
        clip = corner_clip(tmp_path / "a.mp4", rotation=rotation, mirrored=mirrored)
        plan = make_plan(InterpJob(source=clip, target=tmp_path / target, fps="10"))
        return [warning for warning in plan.warnings() if "turned" in warning or "mirrored" in warning]

    assert warnings(90, False, "o.gif") == ["the frames are turned by 90 degrees, as players show them"]
    assert warnings(-90, True, "o.gif") == ["the frames are turned by 270 degrees and mirrored, as players show them"]
    assert warnings(30, False, "o.gif") == [
        "a GIF cannot be marked as turned by 30 degrees, and its frames are not turned"
    ]
    assert warnings(0, False, "o.gif") == warnings(90, True, "o.mp4") == []


def test_a_mask_has_the_orientation_that_players_show(tmp_path):
    clip = corner_clip(tmp_path / "a.mp4", rotation=90)
    mask = np.zeros((64, 48), np.uint8)
    mask[:10, 20:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    for target in (tmp_path / "o.gif", PIPE, tmp_path / "o.mp4"):
        plan = make_plan(InterpJob(source=clip, target=Path(target), fps="20", mask=tmp_path / "mask.png"))
        stored = mask > 0 if plan.turn else np.rot90(mask > 0, -1)
        assert np.array_equal(plan.mask, stored)
