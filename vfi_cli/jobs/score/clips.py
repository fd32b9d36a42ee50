"""Reads clips, video files or folders of numbered images, as 8-bit RGB frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from vfi_cli.engine.frames import Frame, to_frame
from vfi_cli.errors import InputError
from vfi_cli.file_names import VIDEO_SUFFIXES, natural_key
from vfi_cli.jobs.interp.convert import to_rgb
from vfi_cli.video.image.image_file import is_image
from vfi_cli.video.read.sources import open_source


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file, or a folder whose images are the frames. Reports use `name`."""

    name: str
    path: Path

    def frames(self, limit: int | None = None) -> Iterator[Frame]:
        """The first `limit` frames in order of time, all of one size.

        Raises:
            InputError: the clip cannot be read, or is damaged. Scores against guessed frames would be meaningless.
        """
        source = open_source(self.path)
        with source.decode(source.probe()) as decoder:
            for frame in islice(decoder, limit):
                yield to_frame(to_rgb(frame))
            if decoder.damaged:
                what = "; ".join((f"{decoder.damaged} damaged frames", *decoder.notes))
                raise InputError(what, path=self.path)


def find_clips(paths: Iterable[Path]) -> list[Clip]:
    """The clips that paths name: a video, a folder of images, or a folder that holds such clips.

    Raises:
        InputError: a path does not exist, or holds no clip.
    """
    clips: list[Clip] = []
    for path in paths:
        if not path.exists():
            raise InputError("no such file or folder", path=path)
        if path.is_file() or _holds_images(path):
            clips.append(Clip(path.name, path))
            continue
        children = [child for child in sorted(path.iterdir(), key=natural_key) if _is_clip(child)]
        if not children:
            raise InputError("no clip in this folder", path=path, remedy="give videos, or folders of images")
        clips += [Clip(f"{path.resolve().name}/{child.name}", child) for child in children]
    return clips


def _is_clip(path: Path) -> bool:
    return _holds_images(path) if path.is_dir() else path.suffix.lower() in VIDEO_SUFFIXES


def _holds_images(folder: Path) -> bool:
    return any(is_image(child) for child in folder.iterdir())
