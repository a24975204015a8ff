"""Crops and tensors of samples: those of BasicSR, in releases too where its functions are elsewhere, or differ."""

from __future__ import annotations

import numpy as np
import pytest

from bsr_plugins.common.keyed_random import keyed_python_random
from bsr_plugins.data.images.sample_tensors import SampleTensors, random_crop
from cases import every


def pair(height: int = 20, width: int = 30, scale: int = 4) -> tuple:
    drawn = np.random.default_rng(0)
    return (
        drawn.random((height * scale, width * scale, 3), dtype=np.float32),
        drawn.random((height, width, 3), dtype=np.float32),
    )


@every('scale', [1, 4])
@every('key', range(5))
def test_crops_are_those_of_basicsr(scale: int, key: int) -> None:
    from basicsr.data.transforms import paired_random_crop

    gt, lq = pair(scale=scale)
    with keyed_python_random(key):
        expected = paired_random_crop(gt, lq, 16, scale, 'a.png')
    with keyed_python_random(key):
        found = random_crop(gt, lq, 16, scale)
    for left, right in zip(found, expected):
        np.testing.assert_array_equal(left, right)


def test_a_crop_of_the_whole_image() -> None:
    gt, lq = pair(12, 12)
    with keyed_python_random(0):
        found = random_crop(gt, lq, 48, 4)
    np.testing.assert_array_equal(found[0], gt)
    np.testing.assert_array_equal(found[1], lq)


def test_luma_where_basicsr_utils_does_not_offer_the_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    import basicsr.utils

    gt, lq = pair()
    tensors = SampleTensors({'use_hflip': False, 'use_rot': False, 'color': 'y'})
    expected = basicsr.utils.bgr2ycbcr(gt, y_only=True)
    monkeypatch.delattr(basicsr.utils, 'bgr2ycbcr')  # releases before 1.4
    found = tensors(gt.copy(), lq)
    assert found['gt'].shape == (1, 80, 120) and found['lq'].shape == (1, 20, 30)
    np.testing.assert_allclose(found['gt'][0].numpy(), expected, atol=1e-6)
    colour = SampleTensors({'use_hflip': False, 'use_rot': False})
    assert colour(gt.copy(), lq)['gt'].shape == (3, 80, 120)
