"""What all commands share: help in groups, FFmpeg's spellings, presets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.blend import Blend
from tests.cli.test_app import run
from tests.media import make_clip
from vfi_cli.cli.interp_options import InterpOptions
from vfi_cli.cli.presets import default_file


@pytest.fixture
def clip(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr("vfi_cli.jobs.interp.run_clip.load_interpolator", lambda *_: Blend())
    return make_clip(tmp_path / "in.mp4", 10)


@pytest.fixture
def asked(monkeypatch) -> list[InterpOptions]:
    """The options of each job that was asked for."""
    found: list[InterpOptions] = []
    original = InterpOptions.job
    monkeypatch.setattr(InterpOptions, "job", lambda self, *paths: found.append(self) or original(self, *paths))
    return found


@pytest.fixture
def presets(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    default_file().parent.mkdir()
    return default_file()


def test_options_are_listed_under_the_heading_of_their_group(monkeypatch, capsys):
    out = run(monkeypatch, capsys, "interp", "--help")[1]
    encoder = out.partition("Video encoder:")[2].partition("\n\n")[0]
    assert [name in encoder for name in ("--crf", "--pix-fmt", "--fps", "-an")] == [True, True, False, False]
    assert out.index("Rate and length:") < out.index("General:") < out.index("Examples:")


def test_every_short_option_has_a_long_form(monkeypatch, capsys):
    lines = [line.split() for line in run(monkeypatch, capsys, "batch", "--help")[1].splitlines()]
    options = [line for line in lines if line and line[0].startswith("-")]
    assert len(options) > 40
    assert [line[0] for line in options if not any(word.startswith("--") for word in line[:2])] == []


def test_the_spellings_of_ffmpeg_are_understood(monkeypatch, capsys, clip, asked):
    out = clip.with_name("o.mkv")
    words = f"-ss 0.2 -to 0.6 -crf 30 -preset ultrafast -pix_fmt yuv444p -c:v libx264 -an -y -o {out}"
    assert run(monkeypatch, capsys, "interp", str(clip), *words.split())[0] == 0
    (options,) = asked
    assert (options.start, options.stop, options.crf) == ("0.2", "0.6", 30)
    assert (options.preset, options.pix_fmt, options.no_audio) == ("ultrafast", "yuv444p", True)


def test_a_preset_gives_options_and_the_command_line_wins(monkeypatch, capsys, clip, asked, presets):
    presets.write_text('[presets.web]\nfps = 30\ncrf = 24\nno-audio = true\nencoder-opt = ["tune=grain", "g=10"]\n')
    assert run(monkeypatch, capsys, "interp", str(clip), "--use", "web", "--crf", "20")[0] == 0
    (options,) = asked
    assert (options.fps, options.crf, options.no_audio) == ("30", 20, True)
    assert options.encoder_options == ["tune=grain", "g=10"]


def test_an_option_replaces_the_option_of_a_preset_that_it_excludes(monkeypatch, capsys, clip, asked, presets):
    presets.write_text("[presets.web]\nfps = 30\nduration = 0.5\n")
    assert run(monkeypatch, capsys, "interp", str(clip), "--use", "web", "-m", "3", "--to", "0.3")[0] == 0
    (options,) = asked
    assert (options.fps, options.multi, options.duration, options.stop) == (None, "3", None, "0.3")


def test_a_single_value_is_enough_for_an_option_that_may_be_repeated(monkeypatch, capsys, clip, asked, presets):
    presets.write_text('[presets.web]\nencoder-opt = "tune=grain"\n')
    assert run(monkeypatch, capsys, "interp", str(clip), "--use", "web")[0] == 0
    assert asked[0].encoder_options == ["tune=grain"]


def test_help_does_not_read_the_preset(monkeypatch, capsys, presets):
    assert "Usage" in run(monkeypatch, capsys, "interp", "--use", "web", "--help")[1]


def test_a_preset_file_without_a_preset_is_a_wrong_request(monkeypatch, capsys, clip, tmp_path):
    code, _, err = run(monkeypatch, capsys, "interp", str(clip), "--preset-file", str(tmp_path / "a.toml"))
    assert code == 2 and "--use" in err


def test_a_word_after_an_option_is_its_value_even_if_it_looks_like_an_option(monkeypatch, capsys, clip):
    code, _, err = run(monkeypatch, capsys, "interp", str(clip), "--ss", "-to")
    assert code == 2 and "'-to' is not a time" in err


def test_a_preset_file_can_be_named(monkeypatch, capsys, clip, asked, tmp_path):
    file = tmp_path / "my.toml"
    file.write_text("[presets.a]\nmulti = 4\n")
    assert run(monkeypatch, capsys, "interp", "--use=a", str(clip), f"--preset-file={file}")[0] == 0
    assert asked[0].multi == "4"


@pytest.mark.parametrize(
    "content, what",
    [
        (None, "does not exist"),
        ("[presets.other]\n", "it has other"),
        ("", "add a table [presets.web]"),
        ("[presets.web]\nfsp = 30\n", "did you mean 'fps'"),
        ("[presets.web]\nuse = 'other'\n", "not an option"),
        ("[presets.web]\nno-audio = 1\n", "true or false"),
        ("[presets.web]\nfps = true\n", "a text or a number"),
        ("[presets.web]\nfps = [30, 60]\n", "a text or a number"),
        ("[presets.web]\ncrf = nan\n", "a text or a number"),
        ("[presets.web]\nto = 3\nstop = 4\n", "twice"),
        ("[presets.web]\ncrf = 'low'\n", "--crf"),
        ("presets = 3\n", "not tables"),
        ("[presets.web\n", "not a TOML file"),
    ],
)
def test_a_preset_that_cannot_be_used_is_a_wrong_request(monkeypatch, capsys, clip, presets, content, what):
    if content is not None:
        presets.write_text(content)
    code, _, err = run(monkeypatch, capsys, "interp", str(clip), "--use", "web")
    assert code == 2 and what in err and err.count("\n") == 1
    assert [path.name for path in clip.parent.glob("*.mp4")] == ["in.mp4"]
