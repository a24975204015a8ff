"""PSNR between sigma and the error: by hand, against BasicSR's PSNR, the constant row, errors."""

from __future__ import annotations

import numpy as np
import pytest

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.metrics.sigma_psnr_metric import calculate_sigma_psnr, sigma_psnr


@pytest.mark.parametrize('gap, expected', [(0.1, 20.0), (-0.1, 20.0), (0.01, 40.0), (1.0, 0.0), (0.0, float('inf'))])
def test_by_hand(gap, expected):
    error = np.linspace(0, 1, 12).reshape(3, 4)
    assert sigma_psnr(error + gap, error) == pytest.approx(expected)


def test_of_the_images_of_table_7():
    """It is BasicSR's PSNR between the map and the error shown as images, but for their rounding."""
    from basicsr.metrics import calculate_psnr

    rng = np.random.default_rng(0)
    img = rng.integers(0, 256, size=(12, 10, 3), dtype=np.uint8)
    img2 = rng.integers(0, 256, size=(12, 10, 3), dtype=np.uint8)
    steps = rng.integers(0, 256, size=(12, 10, 3), dtype=np.uint8)
    error = np.abs(img.astype(int) - img2.astype(int)).astype(np.uint8)
    value = calculate_sigma_psnr(img, img2, crop_border=2, sigma=steps / 255.0)
    assert value == pytest.approx(calculate_psnr(steps, error, crop_border=2), abs=1e-9)


def test_the_constant_row():
    """The best constant for a PSNR is the mean of the error: the paper's E|y - mu|."""
    rng = np.random.default_rng(0)
    img = rng.integers(100, 120, size=(20, 20, 3), dtype=np.uint8)
    img2 = rng.integers(100, 120, size=(20, 20, 3), dtype=np.uint8)
    error = np.abs(img.astype(float) - img2) / 255
    best = calculate_sigma_psnr(img, img2, constant_sigma=float(error.mean()))
    assert best == pytest.approx(-20 * np.log10(error.std()))
    assert all(
        calculate_sigma_psnr(img, img2, constant_sigma=float(error.mean() * factor)) < best for factor in (0.9, 1.1)
    )
    assert calculate_sigma_psnr(img, img2, sigma=error) > 300
    assert calculate_sigma_psnr(img, img, sigma=np.zeros(img.shape)) == float('inf')


@pytest.mark.parametrize('name', ['calculate_sigma_psnr', 'calculate_sigma_psnr_bsrp'])
def test_called_by_basicsr(name):
    from basicsr.metrics import calculate_metric

    img = np.full((6, 6, 3), 100, dtype=np.uint8)
    data = {'img': img, 'img2': img + np.uint8(51), 'sigma': np.full((6, 6, 3), 0.3, dtype=np.float32)}
    value = calculate_metric(data, {'type': name, 'crop_border': 1, 'better': 'higher'})
    assert type(value) is float and value == pytest.approx(20.0, abs=1e-5)


@pytest.mark.parametrize(
    'options, error, message',
    [
        ({}, OptionError, '(?s)calculate_sigma_psnr needs the sigma map.*network_sigma.*val.sigma: true'),
        (
            {'constant_sigma': 0.1, 'pll_sigma_min': 1e-3},
            OptionError,
            'calculate_sigma_psnr has no option pll_sigma_min',
        ),
        ({'sigma': np.zeros((4, 4, 3))}, DataError, 'calculate_sigma_psnr: the sigma map does not fit the image'),
        ({'constant_sigma': True}, OptionError, 'calculate_sigma_psnr.constant_sigma'),
    ],
)
def test_what_is_refused(options, error, message):
    img = np.zeros((6, 6, 3), dtype=np.uint8)
    with pytest.raises(error, match=message):
        calculate_sigma_psnr(img, img, **options)


def test_the_three_ways_in_which_forks_hand_images_over():
    img = np.arange(108, dtype=np.uint8).reshape(6, 6, 3)
    img2 = img[::-1].copy()
    value = calculate_sigma_psnr(img=img, img2=img2, constant_sigma=0.1)
    assert calculate_sigma_psnr(img1=img, img2=img2, constant_sigma=0.1) == value
    assert (
        calculate_sigma_psnr(img, img2, constant_sigma=0.1)
        == value
        != calculate_sigma_psnr(img1=img, img2=img, constant_sigma=0.1)
    )
