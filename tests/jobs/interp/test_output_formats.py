"""Jobs whose source or output is not a video file."""

import io
import sys
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.blend import Blend
from tests.media import make_clip, number_of
from tests.pictures import make_folder, write_picture
from vfi_cli.errors import InputError, OutputError, UsageError
from vfi_cli.jobs.interp.plan import InterpJob, make_plan
from vfi_cli.jobs.interp.run_clip import run
from vfi_cli.video.formats import PIPE, output_path
from vfi_cli.video.image.image_file import read_image


def interp(source, target, **options):
    return run(InterpJob(source=Path(source), target=target, scene_threshold=None, **options), interpolator=Blend())


def read_frame(path):
    found = read_image(path)
    assert found is not None
    return found.frame


def names(folder):
    return sorted(child.name for child in folder.iterdir())


def test_a_folder_becomes_a_video(tmp_path):
    folder = make_folder(tmp_path / "a", 10)
    summary = interp(folder, tmp_path / "out.mkv", input_fps=Fraction(10), fps="20")
    assert (summary.frames_in, summary.frames_out, summary.generated, summary.duration_out) == (10, 20, 9, 1)


def test_a_sequence_without_a_target_is_named_after_its_folder(tmp_path):
    folder = make_folder(tmp_path / "shot", 3)
    for source in (folder, folder / "%04d.png", folder / "*.png"):
        job = InterpJob(source=source, input_fps=Fraction(10))
        assert make_plan(job).target == tmp_path / "shot_20fps.mp4"


@pytest.mark.parametrize("pattern", ["%06d.png", "f_%d.jpg", "%03d.tif", "%d.exr"])
def test_a_video_becomes_a_folder_of_images(tmp_path, pattern):
    clip = make_clip(tmp_path / "a.mkv", 10, codec="ffv1")
    summary = interp(clip, tmp_path / "out" / pattern, multi=2)
    assert (summary.frames_out, summary.exit_code) == (20, 0)
    assert names(tmp_path / "out") == sorted(pattern % k for k in range(1, 21))
    for number in range(10):
        shown = read_frame(tmp_path / "out" / (pattern % (2 * number + 1))).to_ndarray(format="gray")
        assert number_of(shown) == number


def test_a_folder_as_output_gets_png_files(tmp_path):
    (tmp_path / "there").mkdir()
    assert output_path("new/") == Path("new/%06d.png")
    assert output_path(str(tmp_path / "there")) == tmp_path / "there" / "%06d.png"
    assert output_path("new.mp4") == Path("new.mp4")


def test_image_files_hold_the_rgb_that_the_network_works_with(tmp_path):
    """BT.709 full range with replicated chroma. A conversion by FFmpeg would give other values."""
    y, u, v = (np.full(shape, code, np.uint8) for shape, code in (((48, 64), 100), ((24, 32), 90), ((24, 32), 200)))
    clip = make_clip(tmp_path / "a.mkv", 2, codec="ffv1", planes=[y, u, v], matrix=1, full_range=True)
    interp(clip, tmp_path / "out" / "%d.png", multi=2)
    pb, pr = (90 - 128) / 255, (200 - 128) / 255
    rgb = [100 / 255 + pr * 1.5748, 100 / 255 - pb * 0.18732 - pr * 0.46812, 100 / 255 + pb * 1.8556]
    expected = [round(255 * value) for value in rgb]
    for path in (tmp_path / "out").iterdir():
        assert np.unique(read_frame(path).to_ndarray(format="rgb24").reshape(-1, 3), axis=0).tolist() == [expected]


@pytest.mark.parametrize(
    ("suffix", "pix_fmt", "dtype"),
    [
        ("png", "rgb48be", np.uint16),
        ("tif", "rgba64le", np.uint16),
        ("png", "rgba", np.uint8),
        ("png", "gray", np.uint8),
    ],
)
def test_image_files_keep_depth_and_transparency(tmp_path, suffix, pix_fmt, dtype):
    (tmp_path / "in").mkdir()
    shape = (48, 64) if pix_fmt == "gray" else (48, 64, 4 if pix_fmt.startswith("rgba") else 3)
    codes = [np.random.default_rng(k).integers(0, np.iinfo(dtype).max, shape, dtype) for k in range(2)]
    for number, plane in enumerate(codes):
        write_picture(tmp_path / "in" / f"{number}.{suffix}", [plane], pix_fmt)
    interp(tmp_path / "in", tmp_path / "out" / f"%d.{suffix}", input_fps=Fraction(10))
    for number, source in ((1, 0), (3, 1)):
        out = read_frame(tmp_path / "out" / f"{number}.{suffix}")
        before = read_frame(tmp_path / "in" / f"{source}.{suffix}")
        assert out.format.name == before.format.name == pix_fmt
        assert bytes(out.planes[0]) == bytes(before.planes[0])


def test_exr_keeps_values_to_the_precision_of_half_floats(tmp_path):
    (tmp_path / "in").mkdir()
    linear = np.geomspace(1e-4, 1, 64 * 48, dtype=np.float32).reshape(48, 64)
    for number in range(2):
        write_picture(tmp_path / "in" / f"{number}.exr", [linear] * 3, "gbrpf32le")
    interp(tmp_path / "in", tmp_path / "out" / "%d.exr", input_fps=Fraction(10))
    with av.open(str(tmp_path / "out" / "1.exr")) as file:
        (frame,) = file.decode(video=0)
    got = np.frombuffer(frame.planes[0], np.float32).reshape(48, -1)[:, :64]
    assert np.abs(got - linear).max() < 2e-5
    assert np.all(np.abs(got - linear) <= np.maximum(linear * 2**-10, 2**-20))


def test_jpeg_files_show_the_colours_of_the_clip(tmp_path):
    planes = [np.full((48, 64), 81, np.uint8), np.full((24, 32), 90, np.uint8), np.full((24, 32), 240, np.uint8)]
    clip = make_clip(tmp_path / "a.mkv", 1, codec="ffv1", planes=planes, matrix=6)  # red in BT.601
    interp(clip, tmp_path / "out" / "%d.jpg")
    shown = read_frame(tmp_path / "out" / "1.jpg").to_ndarray(format="rgb24").reshape(-1, 3)
    assert np.abs(shown.mean(axis=0) - (254, 0, 0)).max() < 3


def test_a_damaged_image_is_replaced_and_counted(tmp_path):
    folder = make_folder(tmp_path / "a", 6)
    (folder / "0003.png").write_bytes(b"broken")
    summary = interp(folder, tmp_path / "out" / "%d.png", input_fps=Fraction(10), fps="10")
    assert (summary.frames_out, summary.generated, summary.exit_code) == (6, 1, 5)
    with pytest.raises(InputError, match="1 frames are damaged"):
        interp(folder, tmp_path / "strict" / "%d.png", input_fps=Fraction(10), fps="10", strict=True)
    assert names(tmp_path) == ["a", "out"]


def test_a_failed_job_leaves_no_folder(tmp_path):
    folder = make_folder(tmp_path / "a", 4)
    (folder / "0003.png").unlink()
    (folder / "0003.png").mkdir()
    with pytest.raises(InputError):
        interp(folder, tmp_path / "out" / "%d.png")
    assert names(tmp_path) == ["a"]


def test_an_output_without_a_number_and_one_in_the_input_folder_are_refused(tmp_path):
    folder = make_folder(tmp_path / "a", 4)
    for name in ("b.png", "b%s.png", "b%d%d.png", "b%.png"):
        with pytest.raises(UsageError, match="need a number"):
            interp(folder, tmp_path / name)
    with pytest.raises(OutputError, match="folder of the input"):
        interp(folder, folder / "%04d.png", overwrite=True)
    assert len(names(folder)) == 4


def test_a_warning_says_that_audio_is_left_out(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 3, audio="libopus")
    for target in (PIPE, tmp_path / "a.gif", tmp_path / "a.webp", tmp_path / "out" / "%d.png"):
        warnings = list(make_plan(InterpJob(source=clip, target=target, fps="20")).warnings())
        assert any("audio" in warning and "left out" in warning for warning in warnings)


class _Output:
    """A test double for sys.stdout."""

    closed = False

    def __init__(self):
        self.buffer = io.BytesIO()

    def isatty(self):
        return False


@pytest.fixture
def feed_stdin(tmp_path, monkeypatch):
    """A function that puts a clip of so many frames into standard input."""
    with ExitStack() as stack:

        def feed(frames):
            path = make_clip(tmp_path / "a.y4m", frames, codec="rawvideo", format="yuv4mpegpipe")
            monkeypatch.setattr(sys, "stdin", stack.enter_context(path.open()))

        yield feed


def test_a_job_reads_a_pipe_and_writes_one(feed_stdin, monkeypatch):
    feed_stdin(10)
    out = _Output()
    monkeypatch.setattr(sys, "stdout", out)
    summary = interp("-", PIPE, fps="20")
    assert (summary.frames_in, summary.frames_out, summary.duration_out) == (10, 20, 1)
    with av.open(io.BytesIO(out.buffer.getvalue()), format="yuv4mpegpipe") as container:
        frames = [number_of(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 20
    assert frames[::2] == list(range(10))


def test_a_pipe_as_input_needs_a_named_output(feed_stdin):
    feed_stdin(2)
    with pytest.raises(UsageError, match="needs a name"):
        interp("-", None)


def test_a_pipe_as_input_has_an_unknown_length(feed_stdin, tmp_path):
    feed_stdin(5)
    plan = make_plan(InterpJob(source=Path("-"), target=tmp_path / "a.mp4", start=Fraction(2)))
    assert (plan.frames, plan.clip.live) == (0, True)
