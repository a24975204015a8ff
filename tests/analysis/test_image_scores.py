"""Scores of images: BasicSR's metrics, and bicubic as its ``imresize`` computes it."""

from __future__ import annotations

import numpy as np
import pytest

from bsr_plugins.analysis.image_scores import bicubic_image, score_image
from bsr_plugins.common.errors import DataError


@pytest.fixture
def original():
    return np.random.default_rng(0).integers(40, 200, (32, 40, 3), dtype=np.uint8)


def test_a_shift_of_grey_by_hand(original):
    grey = np.repeat(original[..., :1], 3, axis=2)
    scores = score_image(grey + 10, grey, 4, 'a.png')
    # Grey shifts Y by 10 * 219 / 255.
    assert scores['psnr_y'] == pytest.approx(20 * np.log10(255 / (10 * 219 / 255)), abs=1e-3)
    assert scores['psnr_rgb'] == pytest.approx(20 * np.log10(255 / 10), abs=1e-3)
    assert 0.9 < scores['ssim_y'] < 1


def test_the_border_is_left_out(original):
    framed = original.copy()
    framed[:4], framed[-4:], framed[:, :4], framed[:, -4:] = 0, 0, 0, 0
    assert score_image(framed, original, 4, 'a.png')['psnr_y'] == float('inf')
    assert score_image(framed, original, 3, 'a.png')['psnr_y'] < 40


def test_another_size_is_refused(original):
    with pytest.raises(DataError, match='another size') as error:
        score_image(original[:-1], original, 0, 'a.png')
    assert '(31, 40, 3)' in str(error.value) and 'a.png' in str(error.value)


@pytest.mark.parametrize('scale', [2, 3, 4])
def test_bicubic_is_that_of_basicsr(original, scale):
    from basicsr.utils.matlab_functions import imresize

    upscaled = bicubic_image(original, scale)
    expected = (imresize(original.astype(np.float32) / 255, scale).clip(0, 1) * 255).round()
    assert upscaled.dtype == np.uint8
    assert upscaled.shape == (32 * scale, 40 * scale, 3)
    # float32 there, float64 here: a rounding may fall to the other side.
    assert np.abs(upscaled - expected).max() <= 1
    assert (upscaled == expected).mean() > 0.999
