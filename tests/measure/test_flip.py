from __future__ import annotations

import cv2
import numpy as np
import pytest

from vfi_cli.measure.flip import flip

pytest.importorskip("flip_evaluator")


def test_flip_is_0_for_equal_images_and_grows_with_the_difference() -> None:
    truth = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    soft = np.asarray(cv2.GaussianBlur(truth, (0, 0), 1), np.uint8)
    assert flip(truth, truth) == 0
    assert 0 < flip(soft, truth) < flip(255 - truth, truth) <= 1
