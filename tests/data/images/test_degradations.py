"""LR images made of HR ones: BD and FPL's Eq. 8 against their definitions, noise by name and seed alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.images.degradations import blurred_downsampled, degrade, gaussian
from bsr_plugins.data.images.image_resizing import shrink

IMAGE = np.random.default_rng(0).integers(0, 256, (36, 48, 3)).astype(np.uint8)


def test_bd_is_the_gaussian_of_7_by_7_at_the_middle_of_each_block() -> None:
    weights = np.exp(-np.add.outer(np.arange(-3, 4) ** 2, np.arange(-3, 4) ** 2) / (2 * 1.6**2))
    weights /= weights.sum()
    padded = np.pad(IMAGE.astype(float), ((3, 3), (3, 3), (0, 0)), mode='edge')
    lr = blurred_downsampled(IMAGE, 3)
    assert lr.shape == (12, 16, 3) and lr.dtype == np.uint8
    for row, column in itertools.product((0, 5, 11), (0, 7, 15)):
        block = padded[3 * row + 1 : 3 * row + 8, 3 * column + 1 : 3 * column + 8]
        expected = (block * weights[..., None]).sum((0, 1))
        assert np.abs(lr[row, column] - expected).max() <= 0.5 + 1e-6
    assert np.array_equal(degrade(IMAGE, 3, 'bd', 'any'), lr)


@pytest.mark.parametrize('scale', [1, 2, 3, 4])
def test_bd_does_not_shift(scale: int) -> None:
    assert np.array_equal(blurred_downsampled(IMAGE[::-1, ::-1], scale), blurred_downsampled(IMAGE, scale)[::-1, ::-1])
    assert (blurred_downsampled(np.full_like(IMAGE, 77), scale) == 77).all()


def test_gaussian() -> None:
    assert gaussian(3, 5.0) == pytest.approx(np.array([1, np.exp(0.02), 1]) / (2 + np.exp(0.02)))
    assert gaussian(8, 1.6).sum() == pytest.approx(1) and gaussian(8, 1.6)[3] == gaussian(8, 1.6)[4]


@pytest.mark.parametrize('scale', [1, 2, 3, 4])
def test_fpl_is_bicubic_then_blur_then_noise(scale: int) -> None:
    big = np.tile(IMAGE // 2 + 64, (10, 10, 1))
    lr = degrade(big, scale, 'fpl', '0001')
    bicubic = degrade(big, scale, 'bicubic', '0001')
    assert np.array_equal(bicubic, shrink(big, 1 / scale) if scale > 1 else big)
    weights = np.outer(gaussian(3, 5.0), gaussian(3, 5.0))
    padded = np.pad(bicubic.astype(float), ((1, 1), (1, 1), (0, 0)), mode='edge')
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))
    noise = lr - np.einsum('hwcij,ij->hwc', windows, weights)
    assert noise.std() == pytest.approx(5, rel=0.03) and abs(noise.mean()) < 0.2


def test_noise_follows_from_name_and_seed() -> None:
    one = degrade(IMAGE, 2, 'fpl', '0001')
    assert np.array_equal(one, degrade(IMAGE, 2, 'fpl', '0001'))
    for other in (degrade(IMAGE, 2, 'fpl', '0002'), degrade(IMAGE, 2, 'fpl', '0001', seed=1)):
        assert not np.array_equal(one, other)


def test_no_such_degradation() -> None:
    with pytest.raises(OptionError, match='no such degradation(?s:.*)bicubic or bd or fpl'):
        degrade(IMAGE, 2, 'jpeg', '0001')
