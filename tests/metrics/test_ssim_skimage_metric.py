"""calculate_ssim_skimage: the formula by hand, channels, border, orders, and BasicSR's validation calling it."""

from __future__ import annotations

import numpy as np
import pytest

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.metrics.ssim_skimage_metric import calculate_ssim_skimage


def images(height=20, width=17):
    draw = np.random.default_rng(0)
    first = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return first, np.clip(first + draw.normal(0, 20, first.shape), 0, 255).astype(np.uint8)


def by_hand(x, y):
    """Mean of SSIM over all whole 7 x 7 windows of one channel, variances divided by 48."""
    values = []
    for top in range(x.shape[0] - 6):
        for left in range(x.shape[1] - 6):
            one, other = (image[top : top + 7, left : left + 7].astype(float).ravel() for image in (x, y))
            (xx, xy), (_, yy) = np.cov(one, other)
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            values.append(
                (2 * one.mean() * other.mean() + c1)
                * (2 * xy + c2)
                / ((one.mean() ** 2 + other.mean() ** 2 + c1) * (xx + yy + c2))
            )
    return np.mean(values)


def test_the_mean_over_whole_windows_of_each_channel():
    x, y = images()
    expected = np.mean([by_hand(x[..., channel], y[..., channel]) for channel in range(3)])
    assert calculate_ssim_skimage(x, y) == pytest.approx(expected, abs=1e-9)
    cropped = np.mean([by_hand(x[4:-4, 4:-4, channel], y[4:-4, 4:-4, channel]) for channel in range(3)])
    assert calculate_ssim_skimage(x, y, crop_border=4) == pytest.approx(cropped, abs=1e-9)
    assert calculate_ssim_skimage(x, x) == 1


def test_y_and_orders():
    from basicsr.metrics.metric_util import to_y_channel

    x, y = images()
    luma = [to_y_channel(image.astype(float))[..., 0] for image in (x, y)]
    assert calculate_ssim_skimage(x, y, test_y_channel=True) == pytest.approx(by_hand(*luma), abs=1e-9)
    planes = [image.transpose(2, 0, 1) for image in (x, y)]
    assert calculate_ssim_skimage(*planes, input_order='CHW') == calculate_ssim_skimage(x, y)
    grey = [image[..., 0] for image in (x, y)]
    assert calculate_ssim_skimage(*grey) == pytest.approx(by_hand(*grey), abs=1e-9)


def test_as_basicsr_calls_it():
    from basicsr.metrics import calculate_metric

    x, y = images()
    options = {'type': 'calculate_ssim_skimage', 'crop_border': 2, 'test_y_channel': False, 'better': 'higher'}
    assert calculate_metric({'img': x, 'img2': y}, options) == calculate_ssim_skimage(img1=x, img2=y, crop_border=2)


def test_what_is_refused():
    x, y = images()
    with pytest.raises(OptionError, match="(?s)no option crop_boder.*did you mean 'crop_border'"):
        calculate_ssim_skimage(x, y, crop_boder=4)
    with pytest.raises(OptionError, match='(?s)crop_border.*half of 17.*7 pixels left.*found: +6'):
        calculate_ssim_skimage(x, y, crop_border=6)
    with pytest.raises(DataError, match='of one shape'):
        calculate_ssim_skimage(x, y[1:])
