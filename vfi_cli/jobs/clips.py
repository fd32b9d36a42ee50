"""Clips as 8-bit RGB frames, whether they are video files or folders of numbered pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vfi_cli.errors import InputError
from vfi_cli.jobs.picture import to_rgb
from vfi_cli.video.decode import decode
from vfi_cli.video.probe import probe

Frame = NDArray[np.uint8]
"""(H, W, 3) RGB."""

PICTURES = frozenset({".png", ".jpg", ".jpeg"})
VIDEOS = frozenset({".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".mpeg", ".ts", ".webm", ".y4m"})


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file, or a folder whose pictures are the frames; `name` says which in reports."""

    name: str
    path: Path

    def frames(self, limit: int | None = None) -> Iterator[Frame]:
        """The first `limit` frames in order of time, all of one size.

        Raises:
            InputError: the clip cannot be read, or is damaged: scores of guessed frames would mean nothing.
        """
        frames = _pictures(self.path) if self.path.is_dir() else _decoded(self.path)
        size: tuple[int, ...] | None = None
        for frame in islice(frames, limit):
            if size not in (None, frame.shape):
                raise InputError("the frames are not all of one size", path=self.path)
            size = frame.shape
            yield frame


def find_clips(paths: Iterable[Path]) -> list[Clip]:
    """Each path that is a video or a folder of pictures; of any other folder, each child that is one.

    Raises:
        InputError: a path does not exist, or holds no clip.
    """
    clips: list[Clip] = []
    for path in paths:
        if not path.exists():
            raise InputError("no such file or folder", path=path)
        if path.is_file() or _picture_files(path):
            clips.append(Clip(path.name, path))
            continue
        children = [child for child in sorted(path.iterdir(), key=natural) if _is_clip(child)]
        if not children:
            raise InputError(
                "no clip in this folder", path=path, remedy="give videos, or folders of PNG or JPEG frames"
            )
        clips += [Clip(f"{path.resolve().name}/{child.name}", child) for child in children]
    return clips


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key that counts: 2.png before 10.png."""
    parts = re.findall(r"(\d+)|(\D+)", path.name)
    return [(0, int(digits), "") if digits else (1, 0, text) for digits, text in parts]


def to_tensor(frame: Frame) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in [0, 1], channels last in memory."""
    return torch.from_numpy(frame).permute(2, 0, 1).float().div_(255)


def to_frame(rgb: Tensor) -> Frame:
    """(3, H, W) float, nominally in [0, 1] -> (H, W, 3) uint8, rounded and clamped."""
    codes = rgb.float().mul(255).round_().clamp_(0, 255).to(torch.uint8)
    frame: Frame = codes.permute(1, 2, 0).contiguous().cpu().numpy()
    return frame


def _is_clip(path: Path) -> bool:
    return bool(_picture_files(path)) if path.is_dir() else path.suffix.lower() in VIDEOS


def _picture_files(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if path.suffix.lower() in PICTURES), key=natural)


def _pictures(folder: Path) -> Iterator[Frame]:
    for path in _picture_files(folder):
        codes = np.fromfile(path, np.uint8)  # cv2.imread cannot open every name on every system
        picture = cv2.imdecode(codes, cv2.IMREAD_COLOR) if codes.size else None
        if picture is None:
            raise InputError("not a readable picture", path=path)
        yield cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _decoded(path: Path) -> Iterator[Frame]:
    with decode(probe(path)) as decoder:
        for frame in decoder:
            yield to_frame(to_rgb(frame))
        if decoder.damaged:
            raise InputError(f"{decoder.damaged} damaged frames", path=path)
