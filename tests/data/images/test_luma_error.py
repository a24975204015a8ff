"""The scored error: by hand, against BasicSR's PSNR, and windows through the integral image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bsr_plugins.data.images.luma_error import LUMA_WEIGHTS, squared_luma_error, window_mse, windows_mse


def test_golden_pixel_by_hand() -> None:
    # 100.4 rounds to 100, 50.6 to 51, 1.2 is clamped to 255: differences (10, -4, 5) in RGB.
    sr = torch.tensor([100.4 / 255, 50.6 / 255, 1.2]).reshape(1, 3, 1, 1)
    hr = torch.tensor([90, 55, 250], dtype=torch.uint8).reshape(1, 3, 1, 1)
    luma = (10 * 65.738 - 4 * 129.057 + 5 * 25.064) / 256
    error = squared_luma_error(sr, hr)
    assert error.dtype == torch.float64
    assert error.shape == (1, 1, 1)
    assert error.item() == pytest.approx((luma / 255) ** 2, rel=1e-14)


@pytest.mark.parametrize(('channel', 'weight'), enumerate([65.738 / 256, 129.057 / 256, 25.064 / 256]))
def test_each_channel_has_its_weight(channel: int, weight: float) -> None:
    sr, hr = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    sr[:, channel] = 51 / 255
    assert LUMA_WEIGHTS[channel] == weight
    assert squared_luma_error(sr, hr).numpy() == pytest.approx((0.2 * weight) ** 2, rel=1e-14)


def test_what_quantises_to_the_truth_has_no_error() -> None:
    hr = torch.randint(0, 256, (2, 3, 9, 7), dtype=torch.uint8)
    sr = (hr + 0.49 * (torch.rand(2, 3, 9, 7) * 2 - 1)) / 255
    assert squared_luma_error(sr, hr).abs().max() == 0
    assert squared_luma_error(hr.float() / 255, 255 - hr).max() > 0


def test_inputs_are_left_alone() -> None:
    sr, hr = torch.rand(1, 3, 4, 4) * 3 - 1, torch.full((1, 3, 4, 4), 7, dtype=torch.uint8)
    before = sr.clone()
    squared_luma_error(sr, hr)
    assert torch.equal(sr, before)
    assert hr.min() == hr.max() == 7


@pytest.mark.parametrize('border', [0, 3])
def test_consistent_with_basicsr_psnr(border: int) -> None:
    """BasicSR's luma weights are the same to six digits, and it projects each image in float32."""
    from basicsr.metrics import calculate_psnr

    rng = np.random.default_rng(3)
    hr = rng.integers(0, 256, (40, 32, 3), dtype=np.uint8)
    sr = np.clip(hr + rng.normal(0, 12, hr.shape), 0, 255).round().astype(np.uint8)
    psnr = calculate_psnr(sr[..., ::-1], hr[..., ::-1], border, test_y_channel=True)
    theirs = 10 ** (-psnr / 10)
    error = squared_luma_error(
        torch.from_numpy(sr).permute(2, 0, 1)[None] / 255, torch.from_numpy(hr).permute(2, 0, 1)[None]
    )
    ours = window_mse(error, border).item()
    assert ours == pytest.approx(theirs, rel=2e-5)


def test_border_is_left_out() -> None:
    error = torch.ones(2, 8, 8, dtype=torch.float64)
    error[:, 2:-2, 2:-2] = torch.tensor([3.0, 5.0], dtype=torch.float64).reshape(2, 1, 1)
    assert window_mse(error, 2).tolist() == [3, 5]
    assert window_mse(error, 0).tolist() == [(48 + 16 * 3) / 64, (48 + 16 * 5) / 64]


@pytest.mark.parametrize('border', [0, 4])
def test_integral_image_equals_brute_force(border: int) -> None:
    rng = np.random.default_rng(0)
    error = rng.random((97, 143)) ** 8
    error[40:80, 60:120] = 0
    corners = [(0, 0), (33, 79), (65, 111), (44, 70), (1, 2)]
    expected = [error[y + border : y + 32 - border, x + border : x + 32 - border].mean() for y, x in corners]
    found = windows_mse(error, corners, 32, border)
    assert found.dtype == np.float64
    assert found == pytest.approx(np.array(expected), rel=1e-11, abs=1e-15)
    assert (found >= 0).all()


def test_integral_image_keeps_its_digits_on_a_2k_image() -> None:
    rng = np.random.default_rng(1)
    error = rng.random((1356, 2040)) * 1e-2
    error[1216:1344, 1912:2040] *= 1e-5
    found = windows_mse(error, [(1216, 1912)], 128, 4)[0]
    assert found == pytest.approx(error[1220:1340, 1916:2036].mean(), rel=1e-7)
