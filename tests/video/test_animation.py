"""Animated GIF and WebP: all frames, at their times, in their colours, for ever."""

from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from tests.media import make_clip, number_of
from vfi_cli.errors import OutputError, UsageError
from vfi_cli.video.decode import decode
from vfi_cli.video.output import plan_encode
from vfi_cli.video.probe import probe
from vfi_cli.video.sinks import open_writer


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


def test_gif_keeps_frames_times_and_few_colours(tmp_path, clip):
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


def test_centiseconds_are_rounded_without_drift_and_the_user_is_told(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 30, codec="ffv1", pix_fmt="bgr0", rate=30)
    plan = animate(clip, tmp_path / "a.gif")
    assert any("rounded to 1/100 s" in note for note in plan.notes)
    with av.open(str(tmp_path / "a.gif")) as gif:
        times = [frame.pts * frame.time_base for frame in gif.decode(video=0)]
    assert times == [Fraction(round(Fraction(100 * k, 30)), 100) for k in range(30)]


@pytest.mark.parametrize(("name", "fps"), [("a.gif", Fraction(60)), ("a.webp", Fraction(2000))])
def test_rates_that_no_player_shows_are_refused(tmp_path, clip, name, fps):
    with pytest.raises(UsageError, match="at most"):
        plan_encode(probe(clip), tmp_path / name, fps=fps)


def test_uneven_times_need_a_rate(tmp_path):
    times = [Fraction(k, 10) for k in (0, 1, 2, 5, 8)]
    clip = make_clip(tmp_path / "a.mkv", 5, codec="ffv1", times=times, time_base=Fraction(1, 1000))
    with pytest.raises(UsageError, match="--fps"):
        plan_encode(probe(clip), tmp_path / "a.gif", multiple=2)
    assert plan_encode(probe(clip), tmp_path / "a.gif", fps=Fraction(20)).rate == 20


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
