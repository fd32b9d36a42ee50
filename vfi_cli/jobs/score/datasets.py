"""Readers of the standard test sets. Each reads a folder as it is distributed, by the protocol of published scores.

`evaluate` scores the frames. PSNR can be compared with published scores, except those computed before rounding to 8
bits. SSIM cannot be compared: it is computed per channel here (see `measure.ssim`), but most papers use a window over
all channels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from vfi_cli.engine.frames import Frame
from vfi_cli.errors import InputError
from vfi_cli.file_names import natural_key
from vfi_cli.jobs.score.clips import Clip
from vfi_cli.jobs.score.samples import EvalClip, Fit, HoldOut, Pictures, Span

Reader = Callable[[Path], list[EvalClip]]

XIPH_CLIPS = (
    "BoxingPractice",
    "Crosswalk",
    "DrivingPOV",
    "FoodMarket",
    "FoodMarket2",
    "RitualDance",
    "SquareAndTimelapse",
    "Tango",
)
XIPH_FRAMES = 100
X_TEST_SPAN, X_TEST_MULTIPLE = 32, 8
SNU_FILM_PREFIX = "data/SNU-FILM/"


def half_size(image: Frame) -> Frame:
    """Scale to half size by area averaging; this makes "2K" from 4096x2160."""
    height, width = image.shape[:2]
    return np.asarray(cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)


def centre(image: Frame) -> Frame:
    """Crop the middle half of both sides, so that motion keeps its size; this makes "4K" from 4096x2160."""
    height, width = image.shape[:2]
    top, left = height // 4, width // 4
    return np.ascontiguousarray(image[top : height - top, left : width - left])


def vimeo90k(root: Path) -> list[EvalClip]:
    """Vimeo90K (Xue et al., 2019): the 3,782 triplets of the test list; im1 and im3 are the inputs.

        tri_testlist.txt                    00001/0266 ...
        sequences/00001/0266/im1.png        to im3.png

    As in benchmark/Vimeo90K.py of hzwer/ECCV2022-RIFE.
    """
    names = _lines(root, "tri_testlist.txt")
    folders = [(name, root / "sequences" / name) for name in names]
    return [_triplet(name, *(folder / f"im{number}.png" for number in (1, 2, 3))) for name, folder in folders]


def ucf101(root: Path) -> list[EvalClip]:
    """UCF101: the 379 triplets of Deep Voxel Flow (Liu et al., 2017).

        1/frame_00.png  frame_01_gt.png  frame_02.png
        11/ ...

    As in Test/bench_ucf101.py of feinanshan/M2M_VFI.
    """
    names = ("frame_00.png", "frame_01_gt.png", "frame_02.png")
    folders = [folder for folder in _folders(root) if (folder / names[1]).exists()]
    clips: list[EvalClip] = [_triplet(folder.name, *(folder / name for name in names)) for folder in folders]
    return _not_empty(clips, root, "NUMBER/frame_01_gt.png")


def snu_film(level: str, root: Path) -> list[EvalClip]:
    """SNU-FILM (Choi et al., 2020): the 310 triplets of one of its four lists.

        test-easy.txt                       three images on each line; the middle one is the truth
        test/GOPRO_test/...  test/YouTube_test/...

    The lists may also be in eval_modes/. Their paths start with data/SNU-FILM/, as in data/snufilm.py of myungsub/CAIN,
    or are relative to the folder of the set, as in benchmark/SNU_FILM.py of MCG-NJU/EMA-VFI.
    """
    name = f"test-{level}.txt"
    lines = _lines(root, f"eval_modes/{name}" if (root / "eval_modes" / name).exists() else name)
    clips: list[EvalClip] = []
    for line in lines:
        images = [root / path.removeprefix(SNU_FILM_PREFIX) for path in line.split()]
        if len(images) != 3:
            raise InputError(f"{line!r} does not name three images", path=root / name)
        clips.append(_triplet(str(images[1].relative_to(root)), *images))
    return clips


def xiph(fit: Fit, root: Path) -> list[EvalClip]:
    """Eight 4096x2160 clips of Xiph's collection (Niklaus and Liu, 2020): frames 1, 3, ... 99 of 100 are the inputs.

        BoxingPractice-001.png              to -100.png; the same for each of `XIPH_CLIPS`

    As in benchmark_xiph.py of sniklaus/softmax-splatting, which makes the images from
    Netflix_BoxingPractice_4096x2160_60fps_10bit_420.y4m and so on, with `ffmpeg -pix_fmt rgb24 -vframes 100`.
    """
    clips: list[EvalClip] = []
    for name in XIPH_CLIPS:
        files = [root / f"{name}-{number:03d}.png" for number in range(1, XIPH_FRAMES + 1)]
        spans = [Span(files[at], (files[at + 1],), files[at + 2]) for at in range(0, len(files) - 2, 2)]
        clips.append(Pictures(name, files[0], tuple(spans), fit))
    if not any(clip.path.exists() for clip in clips):
        raise _not_found(root, f"{XIPH_CLIPS[0]}-001.png")
    return clips


def x_test(fit: Fit, root: Path) -> list[EvalClip]:
    """X-TEST of X4K1000FPS (Sim et al., 2021): seven evenly spaced frames between frames 0 and 32 of a scene.

        Type1/TEST_01_003_f0433/0000.png    to 0032.png

    As in utils.py of JihyongOh/XVFI. "2K" is scaled by area averaging, as in Test/bench_xtest.py of feinanshan/M2M_VFI.
    """
    clips: list[EvalClip] = []
    step = X_TEST_SPAN // X_TEST_MULTIPLE
    for scene in (scene for kind in _folders(root) for scene in _folders(kind)):
        files = sorted(scene.glob("*.png"), key=natural_key)
        ends = range(X_TEST_SPAN, len(files), X_TEST_SPAN)
        spans = [
            Span(files[end - X_TEST_SPAN], tuple(files[end - X_TEST_SPAN + step : end : step]), files[end])
            for end in ends
        ]
        if spans:
            clips.append(Pictures(f"{scene.parent.name}/{scene.name}", scene, tuple(spans), fit))
    return _not_empty(clips, root, "TYPE/SCENE/0000.png to 0032.png")


def davis(root: Path) -> list[EvalClip]:
    """DAVIS 2016 (Perazzi et al., 2016): hold-out on all frames of its 20 validation sequences at 480p.

    ImageSets/2016/val.txt              names, in the release of 2017
    ImageSets/480p/val.txt              images and masks, in the release of 2016
    JPEGImages/480p/blackswan/00000.jpg ...
    """
    if (root / "ImageSets/2016/val.txt").exists():
        names = _lines(root, "ImageSets/2016/val.txt")
    else:
        names = [Path(line.split()[0]).parent.name for line in _lines(root, "ImageSets/480p/val.txt")]
    return [HoldOut(Clip(name, root / "JPEGImages/480p" / name)) for name in dict.fromkeys(names)]


PROTOCOLS: dict[str, Reader] = {
    "vimeo90k": vimeo90k,
    "ucf101": ucf101,
    **{f"snu-film-{level}": partial(snu_film, level) for level in ("easy", "medium", "hard", "extreme")},
    "xiph-2k": partial(xiph, half_size),
    "xiph-4k": partial(xiph, centre),
    "x-test-2k": partial(x_test, half_size),
    "x-test-4k": partial(x_test, lambda image: image),
    "davis": davis,
}


def _triplet(name: str, left: Path, truth: Path, right: Path) -> Pictures:
    return Pictures(name, truth, (Span(left, (truth,), right),))


def _lines(root: Path, name: str) -> list[str]:
    """The non-empty lines of a text file."""
    try:
        lines = [line.strip() for line in (root / name).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise _not_found(root, name) from error
    return [line for line in lines if line]


def _folders(root: Path) -> list[Path]:
    try:
        return sorted((child for child in root.iterdir() if child.is_dir()), key=natural_key)
    except OSError as error:
        raise InputError(f"cannot be listed: {error.strerror}", path=root) from error


def _not_empty(clips: list[EvalClip], root: Path, expected: str) -> list[EvalClip]:
    if not clips:
        raise _not_found(root, expected)
    return clips


def _not_found(root: Path, expected: str) -> InputError:
    return InputError(f"{expected} is missing", path=root, remedy="give the folder of the test set as it is unpacked")
