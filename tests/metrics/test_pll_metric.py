"""PLL: golden values of Eq. 11, its optimum, the floor, and the way BasicSR's validation calls it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.metrics.pll_metric import calculate_pll, pll


def images(error=0):
    """Two images, uint8 BGR, that differ by ``error`` steps everywhere."""
    image = np.random.default_rng(0).integers(20, 200, size=(9, 7, 3), dtype=np.uint8)
    return image, (image + error).astype(np.uint8)


@pytest.mark.parametrize(
    'error, sigma, expected',
    [
        (0.0, 1 / math.sqrt(2 * math.pi), 0.0),
        (0.01, 0.01, 3.186232),
        (0.02, 0.01, 1.686232),
        (-0.02, 0.01, 1.686232),
    ],
)
def test_golden(error, sigma, expected):
    y = np.full((3, 4, 3), 0.5)
    assert pll(y - error, y, np.full_like(y, sigma)) == pytest.approx(expected, abs=5e-7)


def test_the_best_constant_sigma_is_the_rmse():
    """At 38.11 dB, where sigma is the RMSE, the PLL is 2.969: of images in [0, 1], not in [0, 255]."""
    rmse = 10 ** (-38.11 / 20)
    error = np.random.default_rng(0).normal(size=10000)
    error *= rmse / np.sqrt(np.mean(error**2))
    best = pll(error, np.zeros_like(error), np.array(rmse))
    assert best == pytest.approx(2.969, abs=5e-4)
    assert all(pll(error, np.zeros_like(error), np.array(rmse * factor)) < best for factor in (0.9, 1.1))


def test_mean_over_elements_in_float64():
    mu = np.zeros(2, dtype=np.float32)
    y, sigma = np.array([0.01, 0.02], dtype=np.float32), np.array([0.01, 0.01], dtype=np.float32)
    assert pll(mu, y, sigma) == pytest.approx((3.186232 + 1.686232) / 2, abs=1e-6)


@pytest.mark.parametrize('sigma', [0.0, 1e-4, 1e-3])
def test_floor(sigma):
    y = np.zeros(3)
    assert pll(y, y, np.full(3, sigma)) == pytest.approx(-math.log(1e-3) - 0.5 * math.log(2 * math.pi))
    assert pll(y, y, np.full(3, sigma), sigma_min=0.1) == pytest.approx(-math.log(0.1) - 0.5 * math.log(2 * math.pi))


@pytest.mark.parametrize('name', ['calculate_pll', 'calculate_pll_bsrp'])
def test_called_by_basicsr(name):
    from basicsr.metrics import calculate_metric

    img, img2 = images(5)
    data = {'img': img, 'img2': img2, 'sigma': np.full(img.shape, 5 / 255, dtype=np.float32)}
    value = calculate_metric(data, {'type': name, 'crop_border': 2, 'better': 'higher'})
    assert type(value) is float
    assert value == pytest.approx(-math.log(5 / 255) - 0.5 - 0.5 * math.log(2 * math.pi), abs=1e-5)
    # BasicSR's own metrics take the sigma map beside the images and leave it alone.
    psnr = calculate_metric(data, {'type': 'calculate_psnr', 'crop_border': 2})
    assert psnr == pytest.approx(20 * math.log10(255 / 5))


def test_the_border_is_left_out():
    img, img2 = images(0)
    sigma = np.full(img.shape, 0.1)
    img2 = img2.copy()
    img2[:2], img2[-2:], img2[:, :2], img2[:, -2:] = 255, 255, 255, 255
    clean = calculate_pll(img, img, sigma=sigma)
    assert calculate_pll(img, img2, crop_border=2, sigma=sigma) == pytest.approx(clean)
    assert calculate_pll(img, img2, crop_border=1, sigma=sigma) < clean


@pytest.mark.parametrize('shape', [(9, 7, 1), (9, 7)])
def test_one_sigma_for_all_channels(shape):
    img, img2 = images(3)
    sigma = np.random.default_rng(1).uniform(0.01, 0.1, size=shape)
    full = np.repeat(sigma.reshape(9, 7, 1), 3, axis=2)
    assert calculate_pll(img, img2, sigma=sigma) == calculate_pll(img, img2, sigma=full)


def test_channel_order_and_channels_first():
    img, img2 = images(0)
    img2 = img2.copy()
    img2[..., 2] += 10
    sigma = np.full(img.shape, 0.01)
    sigma[..., 2] = 10 / 255
    value = calculate_pll(img, img2, sigma=sigma)
    assert value > calculate_pll(img, img2, sigma=sigma[..., ::-1])
    first = [array.transpose(2, 0, 1) for array in (img, img2, sigma)]
    assert calculate_pll(first[0], first[1], input_order='CHW', sigma=first[2]) == pytest.approx(value)


def test_grey_images():
    img, img2 = (image[..., 0] for image in images(4))
    assert calculate_pll(img, img2, sigma=np.full((9, 7), 4 / 255)) == pytest.approx(
        -math.log(4 / 255) - 0.5 - 0.5 * math.log(2 * math.pi)
    )


def test_the_constant_row_takes_the_place_of_the_map():
    img, img2 = images(5)
    constant = calculate_pll(img, img2, sigma=np.full(img.shape, 0.013))
    assert calculate_pll(img, img2, constant_sigma=0.013) == pytest.approx(constant)
    assert calculate_pll(img, img2, sigma=np.full(img.shape, 0.5), constant_sigma=0.013) == pytest.approx(constant)


def test_nothing_is_changed():
    img, img2 = images(5)
    sigma = np.zeros(img.shape, dtype=np.float32)
    kept = [array.copy() for array in (img, img2, sigma)]
    calculate_pll(img, img2, sigma=sigma)
    assert all(np.array_equal(one, other) for one, other in zip(kept, (img, img2, sigma)))


@pytest.mark.parametrize(
    'options, error, message',
    [
        ({}, OptionError, '(?s)calculate_pll needs the sigma map.*network_sigma.*val.sigma: true.*constant_sigma'),
        ({'sigma': np.full((9, 7, 3), 0.1), 'test_y_channel': True}, OptionError, 'no option test_y_channel'),
        ({'sigma': np.full((9, 7, 3), 0.1), 'pll_sigmamin': 1e-3}, OptionError, "(?s)did you mean 'pll_sigma_min'"),
        ({'sigma': np.full((9, 7, 3), 0.1), 'input_order': 'WHC'}, OptionError, 'HWC or CHW'),
        ({'sigma': np.full((9, 7, 3), 0.1), 'crop_border': -1}, OptionError, 'whole number >= 0'),
        ({'sigma': np.full((9, 7, 3), 0.1), 'crop_border': 4}, OptionError, '(?s)nothing left.*half of 7'),
        ({'sigma': np.full((8, 7, 3), 0.1)}, DataError, r'(?s)does not fit.*\(9, 7, 3\).*\(8, 7, 3\)'),
        ({'sigma': np.full((9, 7, 2), 0.1)}, DataError, 'does not fit'),
        ({'sigma': np.full((9, 7, 3), 20)}, DataError, '(?s)out of its range.*20'),
        ({'sigma': np.full((9, 7, 3), np.nan)}, DataError, '(?s)out of its range.*nan'),
        ({'sigma': np.full((9, 7, 3), -0.1)}, DataError, 'out of its range'),
        ({'constant_sigma': 0}, OptionError, '(?s)calculate_pll.constant_sigma.*number > 0 and <= 1.*found: +0'),
        ({'constant_sigma': 3.3}, OptionError, "option 'constant_sigma' has a wrong value"),
        ({'constant_sigma': 'a.txt'}, OptionError, "(?s)calculate_pll.constant_sigma.*'a.txt'"),
        ({'constant_sigma': 0.1, 'pll_sigma_min': 0}, OptionError, '(?s)calculate_pll.pll_sigma_min.*number > 0'),
    ],
)
def test_what_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        calculate_pll(*images(5), **options)


def test_images_that_do_not_fit():
    img, img2 = images(0)
    with pytest.raises(DataError, match='(?s)cannot compare.*float64'):
        calculate_pll(img / 255, img2, constant_sigma=0.1)
    with pytest.raises(DataError, match=r'(?s)cannot compare.*\(9, 7, 3\) and uint8 \(8, 7, 3\)'):
        calculate_pll(img, img2[1:], constant_sigma=0.1)


def test_the_three_ways_in_which_forks_hand_images_over():
    img, img2 = images(5)
    value = calculate_pll(img=img, img2=img2, constant_sigma=0.02, crop_border=1)
    assert calculate_pll(img1=img, img2=img2, constant_sigma=0.02, crop_border=1) == value
    assert calculate_pll(img, img2, constant_sigma=0.02, crop_border=1) == value
    assert value != calculate_pll(img, img, constant_sigma=0.02, crop_border=1)


@pytest.mark.parametrize('given, found', [('img', 'no img2'), ('img1', 'no img2'), ('img2', 'no img')])
def test_one_image_alone_is_refused(given, found):
    with pytest.raises(DataError, match=f'(?s)needs two images.*img1.*{found}'):
        calculate_pll(**{given: images(0)[0]}, constant_sigma=0.1)
