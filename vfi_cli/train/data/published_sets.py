"""Published training sets that lie as image files: Vimeo90K, and X-TRAIN of X4K1000FPS. Read lazily."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from vfi_cli.errors import InputError
from vfi_cli.file_names import natural_key
from vfi_cli.train.data.windows import REMEDY, SHORTEST, Frames, Window

IMAGES = (".png", ".jpg", ".jpeg")
VIMEO_LISTS = ("tri_trainlist.txt", "sep_trainlist.txt")
"""Of the triplets and the septuplets; each line names a folder in `sequences`. Test lists are never read."""
X_TRAIN_STRIDE = 8
"""X-TRAIN is filmed at 1000 fps: every 8th frame makes a window of 9 with motion like that of 125 fps."""


def vimeo_list(folder: Path) -> Path | None:
    """The training list of a folder in the layout of Vimeo90K, if it is one."""
    found = [folder / name for name in VIMEO_LISTS if (folder / name).is_file()]
    return found[0] if found and (folder / "sequences").is_dir() else None


def read_vimeo(folder: Path, names: Path) -> list[Window]:
    """Windows of 3 or 7 frames: `sequences/00001/0001/im1.png` to `im3.png` or `im7.png`.

    The first folder of a name is the video it was cut from. The first sequence tells the size of all. InputError where
    a folder of the list is missing.
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
    """The clips of X-TRAIN, `002/occ008.320`, in its `train` folder or the folder above; none for anything else."""
    return sorted(clip for layer in ("", "train/") for clip in folder.glob(f"{layer}*/occ*") if clip.is_dir())


def read_x_train(clips: Sequence[Path]) -> list[Window]:
    """A window per clip of 65 frames. The clips of one scene, `002`, are one source. InputError for short clips."""
    windows: list[Window] = []
    for clip in clips:
        images = list_images(clip)[::X_TRAIN_STRIDE]
        if len(images) < SHORTEST:
            raise InputError(f"holds {len(images)} frames of the {8 * X_TRAIN_STRIDE + 1}", path=clip, remedy=REMEDY)
        height, width = (windows[0].height, windows[0].width) if windows else read_images(images[:1]).shape[1:3]
        windows.append(Window(f"x-train/{clip.parent.name}", len(images), height, width, partial(read_images, images)))
    return windows


def list_images(folder: Path) -> list[Path]:
    """Its frames, in the order of their names: 2.png before 10.png."""
    return sorted((path for path in folder.iterdir() if path.suffix.lower() in IMAGES), key=natural_key)


def read_images(paths: Sequence[Path]) -> Frames:
    """Image files of one size; InputError where one cannot be read or has another size."""
    frames: list[Frames] = []
    for path in paths:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if image is None or (frames and image.shape != frames[0].shape):
            raise InputError("not an image of the size of its neighbours", path=path, remedy=REMEDY)
        frames.append(np.asarray(image, np.uint8))
    return np.stack(frames)
