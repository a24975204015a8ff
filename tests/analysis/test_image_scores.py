"""Scores of images: BasicSR's metrics, and bicubic as its ``imresize`` computes it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bsr_plugins.analysis.image_scores import (
    ImageScore,
    bicubic_images,
    image_names,
    mean_score,
    read_images,
    score_images,
)
from bsr_plugins.common.errors import DataError


@pytest.fixture
def original():
    return np.random.default_rng(0).integers(40, 200, (32, 40, 3), dtype=np.uint8)


def test_a_shift_of_grey_by_hand(original):
    grey = np.repeat(original[..., :1], 3, axis=2)
    scores = score_images({'a': grey + 10}, {'a': grey}, border=4)
    # Grey shifts Y by 10 * 219 / 255.
    assert scores['a'].psnr == pytest.approx(20 * np.log10(255 / (10 * 219 / 255)), abs=1e-3)
    assert 0.9 < scores['a'].ssim < 1


def test_the_border_is_left_out(original):
    framed = original.copy()
    framed[:4], framed[-4:], framed[:, :4], framed[:, -4:] = 0, 0, 0, 0
    assert score_images({'a': framed}, {'a': original}, border=4)['a'].psnr == float('inf')
    assert score_images({'a': framed}, {'a': original}, border=3)['a'].psnr < 40


def test_another_size_is_refused(original):
    with pytest.raises(DataError, match='another size') as error:
        score_images({'a': original[:-1]}, {'a': original}, border=0)
    assert '(31, 40, 3)' in str(error.value)


@pytest.mark.parametrize('scale', [2, 3, 4])
def test_bicubic_is_that_of_basicsr(original, scale):
    from basicsr.utils.matlab_functions import imresize

    upscaled = bicubic_images({'a': original}, scale)['a']
    expected = (imresize(original.astype(np.float32) / 255, scale).clip(0, 1) * 255).round()
    assert upscaled.dtype == np.uint8
    assert upscaled.shape == (32 * scale, 40 * scale, 3)
    # float32 there, float64 here: a rounding may fall to the other side.
    assert np.abs(upscaled - expected).max() <= 1
    assert (upscaled == expected).mean() > 0.999


def test_mean():
    assert mean_score({'a': ImageScore(30, 0.8), 'b': ImageScore(20, 0.6)}) == pytest.approx((25, 0.7))


def test_names_and_suffixes(original, tmp_path):
    for name in ('b_run', 'a_run'):
        cv2.imwrite(str(tmp_path / f'{name}.png'), original)
    assert image_names(tmp_path) == ['a_run', 'b_run']
    images = read_images(tmp_path, ['a', 'b'], '_run')
    assert list(images) == ['a', 'b']
    assert np.array_equal(images['a'], original)
    with pytest.raises(DataError, match='c_run.png'):
        read_images(tmp_path, ['c'], '_run')
    with pytest.raises(DataError, match='No PNG'):
        image_names(tmp_path / 'absent')
