"""The test sets of the field, each read from the folder it is distributed as, and used as published figures are made.

What is scored: `evaluate`. PSNR compares to published figures, but for those taken before rounding to 8 bits;
SSIM is ours, see `measure.ssim`, where most publish that of a window which spans the channels.
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


def half_size(picture: Frame) -> Frame:
    """Scaled down by area: what turns 4096x2160 into "2K"."""
    height, width = picture.shape[:2]
    return np.asarray(cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)


def centre(picture: Frame) -> Frame:
    """The middle half of both sides, at full motion: what turns 4096x2160 into "4K"."""
    height, width = picture.shape[:2]
    top, left = height // 4, width // 4
    return np.ascontiguousarray(picture[top : height - top, left : width - left])


def vimeo90k(root: Path) -> list[EvalClip]:
    """Vimeo90K, triplets (Xue et al., 2019): the 3,782 of the test list; im1 and im3 go in.

        tri_testlist.txt                    00001/0266 ...
        sequences/00001/0266/im1.png        to im3.png

    As in benchmark/Vimeo90K.py of hzwer/ECCV2022-RIFE.
    """
    names = _lines(root, "tri_testlist.txt")
    folders = [(name, root / "sequences" / name) for name in names]
    return [_triplet(name, *(folder / f"im{number}.png" for number in (1, 2, 3))) for name, folder in folders]


def ucf101(root: Path) -> list[EvalClip]:
    """UCF101, the 379 triplets of Deep Voxel Flow (Liu et al., 2017).

        1/frame_00.png  frame_01_gt.png  frame_02.png
        11/ ...

    As in Test/bench_ucf101.py of feinanshan/M2M_VFI.
    """
    names = ("frame_00.png", "frame_01_gt.png", "frame_02.png")
    folders = [folder for folder in _folders(root) if (folder / names[1]).exists()]
    trials: list[EvalClip] = [_triplet(folder.name, *(folder / name for name in names)) for folder in folders]
    return _some(trials, root, "NUMBER/frame_01_gt.png")


def snu_film(level: str, root: Path) -> list[EvalClip]:
    """SNU-FILM (Choi et al., 2020): the 310 triplets of one of its four lists.

        test-easy.txt                       three pictures on each line, the middle one is the truth
        test/GOPRO_test/...  test/YouTube_test/...

    The lists are also found in eval_modes/. They name pictures from data/SNU-FILM/ on, as in data/snufilm.py of
    myungsub/CAIN, or from the folder of the set on, as in benchmark/SNU_FILM.py of MCG-NJU/EMA-VFI.
    """
    name = f"test-{level}.txt"
    lines = _lines(root, f"eval_modes/{name}" if (root / "eval_modes" / name).exists() else name)
    trials: list[EvalClip] = []
    for line in lines:
        pictures = [root / path.removeprefix(SNU_FILM_PREFIX) for path in line.split()]
        if len(pictures) != 3:
            raise InputError(f"{line!r} is not three pictures", path=root / name)
        trials.append(_triplet(str(pictures[1].relative_to(root)), *pictures))
    return trials


def xiph(fit: Fit, root: Path) -> list[EvalClip]:
    """Eight clips of 4096x2160 of Xiph's collection (Niklaus and Liu, 2020): of 100 frames, odd ones go in.

        BoxingPractice-001.png              to -100.png; so for each of `XIPH_CLIPS`

    As in benchmark_xiph.py of sniklaus/softmax-splatting, which makes the pictures from
    Netflix_BoxingPractice_4096x2160_60fps_10bit_420.y4m and so on, with `ffmpeg -pix_fmt rgb24 -vframes 100`.
    """
    trials: list[EvalClip] = []
    for name in XIPH_CLIPS:
        files = [root / f"{name}-{number:03d}.png" for number in range(1, XIPH_FRAMES + 1)]
        spans = [Span(files[at], (files[at + 1],), files[at + 2]) for at in range(0, len(files) - 2, 2)]
        trials.append(Pictures(name, files[0], tuple(spans), fit))
    if not any(trial.path.exists() for trial in trials):
        raise _other(root, f"{XIPH_CLIPS[0]}-001.png")
    return trials


def x_test(fit: Fit, root: Path) -> list[EvalClip]:
    """X-TEST, the test set of X4K1000FPS (Sim et al., 2021): seven frames between frames 0 and 32 of a scene.

        Type1/TEST_01_003_f0433/0000.png    to 0032.png

    As in utils.py of JihyongOh/XVFI, and, with "2K" scaled down by area, in Test/bench_xtest.py of feinanshan/M2M_VFI.
    """
    trials: list[EvalClip] = []
    apart = X_TEST_SPAN // X_TEST_MULTIPLE
    for scene in (scene for kind in _folders(root) for scene in _folders(kind)):
        files = sorted(scene.glob("*.png"), key=natural_key)
        ends = range(X_TEST_SPAN, len(files), X_TEST_SPAN)
        spans = [
            Span(files[end - X_TEST_SPAN], tuple(files[end - X_TEST_SPAN + apart : end : apart]), files[end])
            for end in ends
        ]
        if spans:
            trials.append(Pictures(f"{scene.parent.name}/{scene.name}", scene, tuple(spans), fit))
    return _some(trials, root, "TYPE/SCENE/0000.png to 0032.png")


def davis(root: Path) -> list[EvalClip]:
    """DAVIS 2016, its 20 validation sequences at 480p (Perazzi et al., 2016): hold-out on all of their frames.

    ImageSets/2016/val.txt              names, in the release of 2017
    ImageSets/480p/val.txt              pictures and masks, in the release of 2016
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
    "x-test-4k": partial(x_test, lambda picture: picture),
    "davis": davis,
}


def _triplet(name: str, left: Path, truth: Path, right: Path) -> Pictures:
    return Pictures(name, truth, (Span(left, (truth,), right),))


def _lines(root: Path, name: str) -> list[str]:
    """The lines of a list that are not empty."""
    try:
        lines = [line.strip() for line in (root / name).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise _other(root, name) from error
    return [line for line in lines if line]


def _folders(root: Path) -> list[Path]:
    try:
        return sorted((child for child in root.iterdir() if child.is_dir()), key=natural_key)
    except OSError as error:
        raise InputError(f"cannot be listed: {error.strerror}", path=root) from error


def _some(trials: list[EvalClip], root: Path, expected: str) -> list[EvalClip]:
    if not trials:
        raise _other(root, expected)
    return trials


def _other(root: Path, expected: str) -> InputError:
    return InputError(f"{expected} is not there", path=root, remedy="name the folder of the test set, as it comes")
