from __future__ import annotations

import numpy as np
import torch

from tests.waiting import wait_until
from vfi_cli.train.data.frame_cache import FrameCrops
from vfi_cli.train.data.windows import Window
from vfi_cli.train.recipes import Gaps

GAPS: Gaps = ((2, 0.5), (4, 0.5))
BYTES = 5 * 40 * 48 * 3


def window(grey: int, reads: list[int]) -> Window:
    """A window whose pixels encode the window, the frame and the position."""
    frames = np.empty((5, 40, 48, 3), np.uint8)
    frames[..., 0], frames[..., 1] = grey, 10 * np.arange(5)[:, None, None]
    frames[..., 2] = np.add.outer(np.arange(40), np.arange(48))

    def decode() -> np.ndarray:
        reads.append(grey)
        return frames

    return Window(str(grey), 5, 40, 48, decode)


def crops(windows: list[Window], max_bytes: int) -> FrameCrops:
    return FrameCrops(windows, size=32, gaps=GAPS, seed=0, device=torch.device("cpu"), max_bytes=max_bytes)


def test_a_crop_is_the_same_place_of_three_frames_of_one_window() -> None:
    samples = crops([window(grey, []) for grey in range(8)], 100 * BYTES)
    batch = samples.draw(32, np.random.default_rng(0), 1.0)
    codes = [(255 * image).round().int() for image in (batch.frame_0, batch.truth, batch.frame_1)]
    assert codes[0].shape == (32, 3, 32, 32)
    for code in codes:
        assert torch.equal(code[:, 0], codes[0][:, 0]) and torch.equal(code[:, 2], codes[0][:, 2])
        assert code[:, 0].flatten(1).unique(dim=1).shape[1] == 1
    left, between, right = (code[:, 1, 0, 0] // 10 for code in codes)
    assert ((left < between) & (between < right)).all()
    torch.testing.assert_close(batch.t.flatten(), (between - left) / (right - left))
    assert len(codes[0][:, 2, 0, 0].unique()) > 5 and len(codes[0][:, 0, 0, 0].unique()) > 4


def test_windows_that_fit_into_the_cache_are_read_once() -> None:
    reads: list[int] = []
    samples, rng = crops([window(grey, reads) for grey in range(8)], 8 * BYTES), np.random.default_rng(0)
    for _ in range(4):
        samples.draw(4, rng, 1.0)
    assert sorted(reads) == list(range(8))


def test_every_window_is_drawn_even_if_not_all_fit_into_the_cache() -> None:
    reads: list[int] = []
    samples, rng = crops([window(grey, reads) for grey in range(40)], 4 * BYTES), np.random.default_rng(0)
    assert len(reads) == 4
    seen: set[int] = set()

    def all_seen() -> bool:
        batch = samples.draw(4, rng, 1.0)
        seen.update((255 * batch.truth[:, 0, 0, 0]).round().int().tolist())
        return seen == set(range(40))

    wait_until(all_seen, what="a sample of every window")
    assert len(samples._cached) == 4


def test_a_small_motion_share_draws_small_gaps() -> None:
    batch = crops([window(0, [])], BYTES).draw(32, np.random.default_rng(0), 0.4)
    assert torch.equal(batch.t, torch.full_like(batch.t, 0.5))
