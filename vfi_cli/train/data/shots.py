"""Cuts any clips, videos or folders of images, into windows that hold no scene cut."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from vfi_cli.errors import InputError
from vfi_cli.file_names import VIDEO_SUFFIXES
from vfi_cli.scene import SceneDetector
from vfi_cli.train.data.published_sets import IMAGES, list_images, read_images
from vfi_cli.train.data.windows import MIN_FRAMES, Frames, Window, frame_size, read_span

log = logging.getLogger(__name__)

MAX_FRAMES = 9
"""Frames of the longest window; triplets with strides 1 to 4 fit into it."""
REPEAT_THRESHOLD = 0.1
"""A frame is repeated if its mean absolute difference to the frame before is below this, in 8-bit gray levels."""


def read_clips(path: Path) -> list[Window]:
    """The windows of a video, of a folder of images, or of all such clips below a folder.

    Every clip is decoded once here to find its scene cuts, and again when a window is used. A clip that cannot be read
    is left out with a warning. Raises InputError if no window is left.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    clips = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
    clips += sorted({file.parent for file in files if file.suffix.lower() in IMAGES})
    windows: list[Window] = []
    for clip in clips:
        name = path.name if clip == path else f"{path.name}/{clip.relative_to(path)}"
        try:
            windows += _read_frames(name, clip) if clip.is_dir() else _read_video(name, clip)
        except InputError as error:
            log.warning("left out: %s", error)
    if not windows:
        what = f"no training data: no index.csv, no list of Vimeo90K, no clip with {MIN_FRAMES} frames that move"
        raise InputError(what, path=path, remedy="name a pack, a data set, or videos")
    log.info("%s: %d windows in %d clips", path.name, len(windows), len(clips))
    return windows


def _read_video(name: str, path: Path) -> list[Window]:
    height, width = frame_size(path)
    return [
        Window(name, count, height, width, partial(read_span, path, first, count))
        for first, count in find_windows(_gray_frames(path))
    ]


def _read_frames(name: str, folder: Path) -> list[Window]:
    images = list_images(folder)
    height, width = read_images(images[:1]).shape[1:3]
    gray_frames = (cv2.cvtColor(read_images([image])[0], cv2.COLOR_RGB2GRAY) for image in images)
    return [
        Window(name, count, height, width, partial(read_images, images[first : first + count]))
        for first, count in find_windows(np.asarray(gray, np.uint8) for gray in gray_frames)
    ]


def _gray_frames(path: Path) -> Iterator[Frames]:
    capture = cv2.VideoCapture(str(path))
    try:
        while (decoded := capture.read())[0]:
            yield np.asarray(cv2.cvtColor(decoded[1], cv2.COLOR_BGR2GRAY), np.uint8)
    finally:
        capture.release()


def find_windows(gray_frames: Iterator[Frames]) -> list[tuple[int, int]]:
    """(first frame, number of frames) of the windows of a clip, given its gray frames (H, W).

    A window has up to `MAX_FRAMES` frames, no repeated frame and no scene cut.
    """
    detector = SceneDetector()
    found: list[tuple[int, int]] = []
    first, number, last = 0, -1, None
    for number, gray in enumerate(gray_frames):
        if last is not None and gray.shape != last.shape:
            raise InputError(f"frame {number} has another size", remedy="split the clip where the size changes")
        broken = last is not None and (
            float(cv2.absdiff(gray, last).mean()) < REPEAT_THRESHOLD or detector.is_cut(last, gray)
        )
        if broken or number - first == MAX_FRAMES:
            found.append((first, number - first))
            first = number
        last = gray
    found.append((first, number + 1 - first))
    return [(first, count) for first, count in found if count >= MIN_FRAMES]
