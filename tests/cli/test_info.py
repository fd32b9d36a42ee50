from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_app import run
from tests.fields import make_mixed
from tests.media import make_clip
from tests.streams import make_rich


def test_info_tells_what_the_clip_holds_and_what_would_be_made(monkeypatch, capsys, tmp_path: Path):
    clip = make_clip(tmp_path / "in.mkv", 10, audio="aac")
    code, out, _ = run(monkeypatch, capsys, "info", str(clip), "--fps", "60")
    assert code == 0
    assert "64x48" in out and "10 fps" in out and "60 fps" in out and "in_60fps.mp4" in out
    assert "audio #1 (aac" in out
    assert list(tmp_path.iterdir()) == [clip]


def test_info_tells_what_becomes_of_every_stream(monkeypatch, capsys, tmp_path: Path):
    clip = make_rich(tmp_path / "in.mkv")
    code, out, _ = run(monkeypatch, capsys, "info", str(clip))
    assert code == 0
    assert "audio #2 (ac3, fra, Commentaire, comment)\n" in out
    assert "subtitle #3 (subrip, eng), becomes mov_text\n" in out
    assert "attachment #5 (font.ttf), left out of the output: mp4 does not hold attached files\n" in out
    assert "timecode  01:00:00:05\n" in out and "chapters  2\n" in out
    _, out, _ = run(monkeypatch, capsys, "info", str(clip), "--json")
    data = json.loads(out)
    assert data["output"]["left_out"] == [5] and data["timecode"] == "01:00:00:05"
    assert data["streams"][3]["flags"] == ["default", "forced"]


def test_info_of_sound_that_mp4_refuses_says_what_to_do(monkeypatch, capsys, tmp_path: Path):
    clip = make_clip(tmp_path / "in.mkv", 5, audio="pcm_s16le")
    _, out, _ = run(monkeypatch, capsys, "info", str(clip))
    assert "audio #1 (pcm_s16le), left out of the output: few players can play pcm_s16le in mp4\n" in out
    assert "output    none, unless vfi interp is given -an" in out
    assert "-an (or write a .mkv or .mov file, or convert it with -c:a aac)" in out
    assert json.loads(run(monkeypatch, capsys, "info", str(clip), "--json")[1])["output"] is None


def test_info_is_json_on_request(monkeypatch, capsys, tmp_path: Path):
    clip = make_clip(tmp_path / "in.mp4", 10)
    code, out, _ = run(monkeypatch, capsys, "info", str(clip), "--slowmo", "4", "--json")
    data = json.loads(out)
    assert code == 0 and (data["rate"], data["frames"]) == ("10", 10)
    assert data["output"] == {
        "path": str(tmp_path / "in_slowmo4x.mp4"),
        "rate": "10",
        "frames": 40,
        "duration": 4.0,
        "left_out": [],
    }


def test_info_of_interlaced_video_says_that_it_would_be_refused(monkeypatch, capsys, tmp_path: Path):
    clip = make_clip(tmp_path / "in.mkv", codec="mpeg2video", rate=25, interlaced=True)
    code, out, _ = run(monkeypatch, capsys, "info", str(clip))
    assert code == 0 and "mpeg2video, 64x48" in out and "unless vfi interp is given --deinterlace" in out
    code, out, _ = run(monkeypatch, capsys, "info", str(clip), "--json")
    data = json.loads(out)
    assert (code, data["interlaced"], data["output"]) == (0, True, None)
    code, out, _ = run(monkeypatch, capsys, "info", str(clip), "--progressive")
    assert code == 0 and "interlaced" in out and "output    50 fps" in out


def test_info_names_fields_in_a_later_part(monkeypatch, capsys, tmp_path: Path):
    clip = make_mixed(tmp_path)
    _, out, _ = run(monkeypatch, capsys, "info", str(clip))
    assert "interlaced before 1." in out and "unless vfi interp is given --deinterlace or --progressive" in out
    _, out, _ = run(monkeypatch, capsys, "info", str(clip), "--deinterlace", "--json")
    data = json.loads(out)
    assert 0.9 < data["interlaced_before"] < 1.3 and data["output"] is not None


def test_info_names_properties_that_the_output_does_not_keep(monkeypatch, capsys, tmp_path: Path):
    clip = make_clip(tmp_path / "in.mp4", 4, options={"x264-params": "frame-packing=3"})
    lost = "the mark of stereo 3D video is lost: players will not separate the views"
    assert f"note      {lost}\n" in run(monkeypatch, capsys, "info", str(clip))[1]
    assert lost in json.loads(run(monkeypatch, capsys, "info", str(clip), "--json")[1])["notes"]
    assert list(tmp_path.iterdir()) == [clip]
