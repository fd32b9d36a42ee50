"""Animated GIF and WebP: frames, times and colours are kept, and the animation loops forever."""

from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from tests.media import BLACK, make_clip, number_of
from vfi_cli.errors import OutputError, UsageError
from vfi_cli.video.formats import PIPE
from vfi_cli.video.read.decode import decode
from vfi_cli.video.read.probe import probe
from vfi_cli.video.read.sources import open_source
from vfi_cli.video.write.encode_plan import plan_encode
from vfi_cli.video.write.open_output import open_writer

TICK = Fraction(1, 1000)


def animate(clip, target, fps=None):
    info = probe(clip)
    plan = plan_encode(info, target, fps=fps or info.average_rate)
    with decode(info) as decoder, open_writer(target, plan) as writer:
        for frame in decoder:
            writer.write(frame)
    writer.verify()
    return plan


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "a.mkv", 12, codec="ffv1", pix_fmt="bgr0", rate=20)


def test_gif_keeps_frames_times_and_colours(tmp_path, clip):
    animate(clip, tmp_path / "a.gif")
    with av.open(str(tmp_path / "a.gif")) as gif, av.open(str(clip)) as source:
        pairs = list(zip(gif.decode(video=0), source.decode(video=0), strict=True))
    assert [got.time for got, _ in pairs] == [pytest.approx(k / 20) for k in range(12)]
    for got, expected in pairs:
        assert np.array_equal(got.to_ndarray(format="rgb24"), expected.to_ndarray(format="rgb24"))
    assert b"NETSCAPE2.0\x03\x01\x00\x00" in (tmp_path / "a.gif").read_bytes()
    assert probe(tmp_path / "a.gif").duration == Fraction(12, 20)


def test_webp_keeps_frames_times_and_loops(tmp_path, clip):
    animate(clip, tmp_path / "a.webp")
    ok, animation = cv2.imreadanimation(str(tmp_path / "a.webp"))
    assert ok and animation.loop_count == 0
    assert [number_of(frame[..., 1]) for frame in animation.frames] == list(range(12))
    assert set(np.ravel(animation.durations)) == {50}


def test_gif_times_are_rounded_without_drift_and_with_a_note(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 30, codec="ffv1", pix_fmt="bgr0", rate=30)
    plan = animate(clip, tmp_path / "a.gif")
    assert any("rounded to 1/100 s" in note for note in plan.notes)
    with av.open(str(tmp_path / "a.gif")) as gif:
        times = [frame.pts * frame.time_base for frame in gif.decode(video=0)]
    assert times == [Fraction(round(Fraction(100 * k, 30)), 100) for k in range(30)]


@pytest.mark.parametrize(("name", "fps"), [("a.gif", Fraction(60)), ("a.webp", Fraction(2000))])
def test_rates_that_players_cannot_show_are_refused(tmp_path, clip, name, fps):
    with pytest.raises(UsageError, match="at most"):
        plan_encode(probe(clip), tmp_path / name, fps=fps)


def write_numbered(source, target, spans, shown=None, multiple=1):
    """Write numbered frames that last `spans` milliseconds each, divided into `multiple` different frames each."""
    times = [Fraction(sum(spans[:index]), 1000) for index in range(len(spans))]
    clip = make_clip(source, len(spans), codec="ffv1", pix_fmt="bgr0", times=times, time_base=TICK, shown=shown)
    info = probe(clip)
    plan = plan_encode(info, target, multiple=multiple)
    with decode(info) as decoder, open_writer(target, plan) as writer:
        for frame, time, span in zip(decoder, times, spans, strict=True):
            part = Fraction(span, 1000 * multiple)
            for step in range(multiple):
                # Generated frames differ from each other, so these must.
                planes = tuple(np.where(plane == BLACK, step, plane).astype(plane.dtype) for plane in frame.planes)
                writer.write(replace(frame, planes=planes, pts=time + step * part, duration=part))
    writer.verify()
    return plan


def delays(path):
    """The durations of the frames of a file, in milliseconds."""
    source = open_source(path)
    with source.decode(source.probe()) as decoder:
        return [frame.duration * 1000 for frame in decoder]


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("spans", [[100, 100, 50, 1000], [200, 30, 20, 70], [1000, 20, 500, 40]])
def test_every_frame_keeps_its_own_delay(tmp_path, suffix, spans):
    plan = write_numbered(tmp_path / "a.mkv", tmp_path / f"a{suffix}", spans)
    assert delays(tmp_path / f"a{suffix}") == spans
    assert not any("rounded" in note for note in plan.notes) or suffix == ".gif"


def test_halved_delays_are_rounded_without_drift(tmp_path):
    plan = write_numbered(tmp_path / "a.mkv", tmp_path / "a.gif", [100, 50, 50, 50, 50, 1000], multiple=2)
    assert delays(tmp_path / "a.gif") == [50, 50, 30, 20, 30, 20, 30, 20, 30, 20, 500, 500]
    assert any("rounded to 1/100 s" in note for note in plan.notes)


def test_a_gif_drops_frames_that_are_too_short_and_keeps_the_times_of_others(tmp_path):
    write_numbered(tmp_path / "a.mkv", tmp_path / "a.gif", [20, 20, 30, 100, 20], multiple=2)
    assert delays(tmp_path / "a.gif") == [20, 20, 30, 50, 50, 20]


def test_consecutive_equal_frames_become_one_gif_frame(tmp_path):
    write_numbered(tmp_path / "a.mkv", tmp_path / "a.gif", [50] * 8, shown=[1, 1, 1, 2, 3, 3, 3, 3])
    assert delays(tmp_path / "a.gif") == [150, 50, 200]
    with av.open(str(tmp_path / "a.gif")) as gif:
        assert [number_of(frame.to_ndarray(format="gray")) for frame in gif.decode(video=0)] == [1, 2, 3]


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_equal_frames_become_a_still_image(tmp_path, name):
    write_numbered(tmp_path / "a.mkv", tmp_path / name, [50] * 4, shown=[7] * 4)
    (frame,) = cv2.imreadmulti(str(tmp_path / name))[1]
    assert number_of(frame[..., 1]) == 7


@pytest.mark.parametrize("name", ["%d.png", "-"])
def test_outputs_without_times_need_a_rate_for_uneven_sources(tmp_path, name):
    times = [Fraction(k, 10) for k in (0, 1, 2, 5, 8)]
    clip = make_clip(tmp_path / "a.mkv", 5, codec="ffv1", times=times, time_base=TICK)
    target = tmp_path / name if name != "-" else PIPE
    with pytest.raises(UsageError, match="--fps"):
        plan_encode(probe(clip), target, multiple=2)
    assert plan_encode(probe(clip), target, fps=Fraction(20)).rate == 20


def test_another_codec_is_refused(tmp_path, clip):
    with pytest.raises(UsageError, match="-c:v"):
        plan_encode(probe(clip), tmp_path / "a.gif", codec="libx264")


@pytest.mark.parametrize(("name", "levels"), [("a.gif", (0, 255)), ("a.webp", (0, 80, 160, 255))])
def test_transparency_is_kept(tmp_path, name, levels):
    alpha = np.broadcast_to(np.repeat(np.array(levels, np.uint8), 64 // len(levels)), (48, 64))
    info = probe(make_clip(tmp_path / "a.mkv", 3, codec="ffv1", pix_fmt="bgra"))
    target = tmp_path / name
    plan = plan_encode(info, target, fps=info.average_rate)
    assert plan.format.alpha
    with decode(info) as decoder, open_writer(target, plan) as writer:
        for frame in decoder:
            writer.write(replace(frame, planes=(*frame.planes[:3], alpha)))
    writer.verify()
    ok, animation = cv2.imreadanimation(str(target))
    assert ok and np.array_equal(animation.frames[0][..., 3], alpha)


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_a_file_that_lacks_its_end_fails_the_check(tmp_path, clip, name):
    info = probe(clip)
    target = tmp_path / name
    plan = plan_encode(info, target, fps=info.average_rate)
    with decode(info) as decoder, open_writer(target, plan) as writer:
        for frame in decoder:
            writer.write(frame)
    target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
    with pytest.raises(OutputError, match="not what was written"):
        writer.verify()
