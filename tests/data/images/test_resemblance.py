"""LR images that are not their HR images made smaller, and those that are, however degraded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.image_resizing import shrink
from bsr_plugins.data.images.resemblance import (
    COLOURLESS,
    EXCHANGED,
    OTHER_ORDERS,
    UNLIKE,
    check_same_way_up,
    resemblance,
    thumbnail,
)


def scene(seed):
    """A coloured image of soft shapes that no turn leaves as it is."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 9, 3)).astype(np.uint8)
    return cv2.resize(coarse, (144, 96), interpolation=cv2.INTER_CUBIC)


HR = scene(1)
LR = shrink(HR, 1 / 4)


def compared(hr, lr):
    return resemblance(thumbnail(hr), thumbnail(np.ascontiguousarray(lr)))


@pytest.mark.parametrize('seed', range(5))
def test_a_pair(seed):
    hr = scene(seed)
    found = compared(hr, shrink(hr, 1 / 4))
    assert found.variant is None and found.correlation > 0.99


DEGRADED = {
    'noise': lambda lr: (lr + np.random.default_rng(0).normal(0, 25, lr.shape)).clip(0, 255).astype(np.uint8),
    'blur': lambda lr: cv2.GaussianBlur(lr, (0, 0), 2),
    'JPEG': lambda lr: cv2.imdecode(cv2.imencode('.jpg', lr, [cv2.IMWRITE_JPEG_QUALITY, 10])[1], 1),
    'darker': lambda lr: (lr * 0.5).astype(np.uint8),
    'less contrast': lambda lr: (lr * 0.4 + 90).astype(np.uint8),
    'tinted': lambda lr: (lr * np.array([0.8, 1.0, 1.0])).astype(np.uint8),
    'shifted': lambda lr: np.roll(lr, 1, 1),
}


@pytest.mark.parametrize('kind', DEGRADED)
def test_degraded_pairs_resemble_each_other(kind):
    found = compared(HR, DEGRADED[kind](LR))
    assert found.variant is None and found.correlation > 0.8


WRONG = {
    'mirrored left to right': lambda lr: lr[:, ::-1],
    'turned by 180 degrees': lambda lr: lr[::-1, ::-1],
    'mirrored upside down': lambda lr: lr[::-1],
    'transposed': lambda lr: lr.swapaxes(0, 1),
    'turned by 90 degrees clockwise': lambda lr: lr.swapaxes(0, 1)[:, ::-1],
    'transposed and turned by 180 degrees': lambda lr: lr.swapaxes(0, 1)[::-1, ::-1],
    'turned by 90 degrees counter-clockwise': lambda lr: lr.swapaxes(0, 1)[::-1],
    EXCHANGED: lambda lr: lr[..., ::-1],
    f'turned by 180 degrees, {EXCHANGED}': lambda lr: lr[::-1, ::-1, ::-1],
    **{name: lambda lr, order=order: lr[..., order] for name, order in OTHER_ORDERS.items()},
    COLOURLESS: lambda lr: cv2.cvtColor(cv2.cvtColor(lr, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR),
}


@pytest.mark.parametrize('variant', WRONG)
def test_wrong_pairs_are_found_and_named(variant):
    assert compared(HR, WRONG[variant](LR)).variant == variant
    noisy = DEGRADED['noise'](np.ascontiguousarray(WRONG[variant](LR)))
    assert compared(HR, noisy).variant == (None if variant == COLOURLESS else variant)
    if variant != COLOURLESS:
        with pytest.raises(DataError, match='The LR image lr.png is its HR image') as caught:
            check_same_way_up(HR, np.ascontiguousarray(WRONG[variant](LR)), 'hr.png', 'lr.png')
        assert variant in caught.value.problem


def test_another_scene():
    found = compared(HR, shrink(scene(2), 1 / 4))
    assert found.variant is None and found.correlation < UNLIKE


def test_grey_pairs_have_no_colours_to_exchange():
    grey = cv2.cvtColor(cv2.cvtColor(HR, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    assert compared(grey, shrink(grey, 1 / 4)[..., ::-1]).variant is None


def test_flat_and_symmetric_images_tell_nothing():
    flat = np.full((64, 64, 3), (200, 100, 50), np.uint8)
    assert compared(flat, flat[::4, ::4, ::-1]) is None
    symmetric = np.ascontiguousarray(np.concatenate([HR, HR[:, ::-1]], 1))
    assert compared(symmetric, shrink(symmetric, 1 / 4)[:, ::-1]).variant is None
    check_same_way_up(HR, LR, 'hr.png', 'lr.png')


@pytest.mark.parametrize('value', [0, 128, 255])
def test_a_blank_image_does_not_resemble_one_that_shows_something(value):
    assert compared(HR, np.full_like(LR, value)).correlation < UNLIKE
    assert compared(np.full_like(HR, value), LR).correlation < UNLIKE
    assert compared(np.full_like(HR, value), np.full_like(LR, value)) is None
    assert compared(HR, (LR * 0.02).astype(np.uint8)) is None  # dark, and it may be the same
