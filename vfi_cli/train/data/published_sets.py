"""Reads published training sets that consist of image files: Vimeo90K, and X-TRAIN of X4K1000FPS.

The images are read when a window needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from vfi_cli.errors import InputError
from vfi_cli.file_names import natural_key
from vfi_cli.train.data.windows import MIN_FRAMES, REMEDY, Frames, Window

IMAGES = (".png", ".jpg", ".jpeg")
VIMEO_LISTS = ("tri_trainlist.txt", "sep_trainlist.txt")
"""Training lists of the triplets and of the septuplets. Each line names a folder in `sequences`.

Test lists are never read.
"""
X_TRAIN_STRIDE = 8
"""X-TRAIN was filmed at 1000 fps. Every 8th frame gives a window of 9 frames at 125 fps."""


def vimeo_list(folder: Path) -> Path | None:
    """The training list of a folder in the layout of Vimeo90K; None for any other folder."""
    found = [folder / name for name in VIMEO_LISTS if (folder / name).is_file()]
    return found[0] if found and (folder / "sequences").is_dir() else None


def read_vimeo(folder: Path, names: Path) -> list[Window]:
    """Windows of 3 or 7 frames: `sequences/00001/0001/im1.png` to `im3.png` or `im7.png`.

    The first folder of a name is the video that the sequence was cut from. All sequences are taken to have the size of
    the first one. Raises InputError if a folder of the list is missing.
    """
    listed = [line.strip() for line in names.read_text().splitlines() if line.strip()]
    frames = 3 if names.name == VIMEO_LISTS[0] else 7
    windows: list[Window] = []
    for name in listed:
        images = [folder / "sequences" / name / f"im{k + 1}.png" for k in range(frames)]
        height, width = (windows[0].height, windows[0].width) if windows else read_images(images[:1]).shape[1:3]
        source = f"vimeo90k/{name.partition('/')[0]}"
        windows.append(Window(source, frames, height, width, partial(read_images, images)))
    if missing := [name for name in listed if not (folder / "sequences" / name).is_dir()]:
        what = f"{len(missing)} of {len(listed)} sequences of {names.name} are missing, {missing[0]} first"
        raise InputError(what, path=folder, remedy="unpack the whole archive")
    if not windows:
        raise InputError("the list names no sequences", path=names, remedy="unpack the archive again")
    return windows


def x_train_clips(folder: Path) -> list[Path]:
    """The clips of X-TRAIN, such as `002/occ008.320`, in its folder `train` or the one above; none in other folders."""
    return sorted(clip for layer in ("", "train/") for clip in folder.glob(f"{layer}*/occ*") if clip.is_dir())


def read_x_train(clips: Sequence[Path]) -> list[Window]:
    """One window per clip of 65 frames. All clips of a scene, such as `002`, are one source.

    Raises InputError if a clip is too short.
    """
    windows: list[Window] = []
    for clip in clips:
        images = list_images(clip)[::X_TRAIN_STRIDE]
        if len(images) < MIN_FRAMES:
            raise InputError(
                f"has too few frames: every {X_TRAIN_STRIDE}th is used, which gives {len(images)}",
                path=clip,
                remedy=REMEDY,
            )
        height, width = (windows[0].height, windows[0].width) if windows else read_images(images[:1]).shape[1:3]
        windows.append(Window(f"x-train/{clip.parent.name}", len(images), height, width, partial(read_images, images)))
    return windows


def list_images(folder: Path) -> list[Path]:
    """The image files of a folder in natural order: 2.png before 10.png."""
    return sorted((path for path in folder.iterdir() if path.suffix.lower() in IMAGES), key=natural_key)


def read_images(paths: Sequence[Path]) -> Frames:
    """The images of files of one size. Raises InputError if a file cannot be read or has another size."""
    frames: list[Frames] = []
    for path in paths:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if image is None or (frames and image.shape != frames[0].shape):
            raise InputError("not an image, or not of the size of the other frames", path=path, remedy=REMEDY)
        frames.append(np.asarray(image, np.uint8))
    return np.stack(frames)
