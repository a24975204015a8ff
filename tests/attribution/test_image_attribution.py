"""LAM against the published code, CAM against its definition and against LAM; batches, chunks, edges, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bsr_plugins.attribution import path_gradients
from bsr_plugins.attribution.blur_path import BlurPath
from bsr_plugins.attribution.cam_saliency import cam_saliency
from bsr_plugins.attribution.image_attribution import (
    calibrated_attribution_map,
    diffusion_index,
    local_attribution_map,
    normalised_map,
)
from bsr_plugins.common.errors import DataError, OptionError
from published_lam import published_lam

WINDOW = (6, 9, 8)


@pytest.fixture(scope='module')
def net() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2))


@pytest.fixture(scope='module')
def lq() -> Tensor:
    return torch.rand(3, 3, 12, 10, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize(('sigma', 'steps', 'kernel'), [(1.2, 50, 9), (2.0, 7, 5)])
def test_lam_is_the_published_one(net: nn.Module, lq: Tensor, sigma: float, steps: int, kernel: int) -> None:
    found = local_attribution_map(net, lq[0], WINDOW, sigma, kernel, steps)
    expected = published_lam(net, lq[0], WINDOW, sigma, steps, kernel)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6 * np.abs(expected).max())


def test_cam_without_calibration_is_lam(net: nn.Module, lq: Tensor) -> None:
    cam = calibrated_attribution_map(net, lq, steps=7, detector='window', window=WINDOW, calibrate=False, rule='right')
    assert torch.equal(cam, local_attribution_map(net, lq, WINDOW, steps=7))


@pytest.mark.parametrize('rule', ['left', 'right'])
def test_where_the_sum_of_pixels_is_detected_attributions_add_up(
    lq: Tensor, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_gradients, 'gradient_detector', lambda sr, window: sr.flatten(1).sum(1))
    found = calibrated_attribution_map(nn.Identity(), lq.double(), calibrate=False, rule=rule)
    blurred = BlurPath(lq.double(), 1.2, 9).images(torch.zeros(1))[:, 0]
    assert torch.allclose(found, lq.double() - blurred, atol=1e-14)


@pytest.mark.parametrize('chunk', [250, 10**6])
@pytest.mark.parametrize('calibrate', [True, False])
def test_batches_and_chunks_change_nothing(net: nn.Module, lq: Tensor, chunk: int, calibrate: bool) -> None:
    together = calibrated_attribution_map(net, lq, steps=4, calibrate=calibrate, chunk=chunk)
    for each, found in zip(lq, together):
        single = calibrated_attribution_map(net, each, steps=4, calibrate=calibrate)
        assert torch.allclose(found, single, atol=1e-6 * float(single.abs().max()))
    assert torch.equal(together, calibrated_attribution_map(net, lq, steps=4, calibrate=calibrate, chunk=chunk))


@pytest.mark.parametrize('value', [0.0, 0.7])
def test_constant_images_give_zero_maps(net: nn.Module, value: float) -> None:
    lq = torch.full((3, 9, 9), value)
    for found in (local_attribution_map(net, lq, WINDOW, steps=3), calibrated_attribution_map(net, lq, steps=3)):
        assert found.shape == lq.shape
        assert not normalised_map(found).any()
        assert diffusion_index(normalised_map(found)) == pytest.approx(100)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_images_of_any_precision_are_attributed_in_that_of_the_network(
    net: nn.Module, lq: Tensor, dtype: torch.dtype
) -> None:
    rounded = lq.to(dtype)
    found = calibrated_attribution_map(net, rounded, steps=2)
    assert found.dtype == torch.float32
    assert torch.equal(found, calibrated_attribution_map(net, rounded.float(), steps=2))


def test_the_network_is_left_as_it_was(net: nn.Module, lq: Tensor) -> None:
    net.train().zero_grad(set_to_none=True)
    state = torch.get_rng_state()
    with torch.inference_mode():
        inside = calibrated_attribution_map(net, lq.clone(), steps=2)
    assert torch.equal(inside, calibrated_attribution_map(net, lq, steps=2))
    assert net.training
    assert all(each.requires_grad and each.grad is None for each in net.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    net(lq).sum().backward()
    net.zero_grad(set_to_none=True)


def test_an_empty_batch_gives_an_empty_map(net: nn.Module) -> None:
    assert local_attribution_map(net, torch.zeros(0, 3, 8, 8), WINDOW).shape == (0, 3, 8, 8)


@pytest.mark.parametrize(
    ('options', 'word'),
    [
        ({'steps': 0}, 'steps'),
        ({'kernel': 4}, 'kernel'),
        ({'kernel': '9'}, 'odd number'),
        ({'sigma': -1}, 'sigma'),
        ({'sigma': float('inf')}, 'sigma'),
        ({'rule': 'midpoint'}, 'rule'),
        ({'detector': 'local'}, 'detector'),
        ({'detector': 'window'}, 'detector'),
        ({'window': WINDOW}, 'detector'),
        ({'detector': 'window', 'window': (0, 0, 99)}, 'inside 20 x 24 pixels'),
    ],
)
def test_wrong_options_are_refused(net: nn.Module, lq: Tensor, options: Any, word: str) -> None:
    with pytest.raises(OptionError, match=word):
        calibrated_attribution_map(net, lq, **options)


def test_lam_has_a_window(net: nn.Module, lq: Tensor) -> None:
    with pytest.raises(OptionError, match='list of 3 whole numbers'):
        local_attribution_map(net, lq, None)  # type: ignore[arg-type]


def test_an_output_without_a_gradient_is_refused(net: nn.Module, lq: Tensor) -> None:
    with pytest.raises(DataError, match='no gradient'):
        local_attribution_map(torch.no_grad()(net), lq, WINDOW, steps=2)


@pytest.mark.parametrize('shape', [(4, 4), (1, 1, 3, 4, 4)])
def test_what_is_no_image_is_refused(net: nn.Module, shape: tuple) -> None:
    with pytest.raises(DataError, match='no image'):
        local_attribution_map(net, torch.zeros(shape), WINDOW)


def test_whole_numbers_are_no_image(net: nn.Module) -> None:
    with pytest.raises(DataError, match='uint8'):
        local_attribution_map(net, torch.zeros(3, 8, 8, dtype=torch.uint8), WINDOW)


@pytest.mark.parametrize('output', [lambda lq: [lq], lambda lq: lq[0], lambda lq: lq.mean((2, 3))])
def test_networks_without_images_are_refused(lq: Tensor, output: Any) -> None:
    with pytest.raises(DataError, match='returns no images'):
        local_attribution_map(output, lq, WINDOW)


def test_saliency_reads_the_options_of_a_file(net: nn.Module, lq: Tensor) -> None:
    options = {'cam_steps': 3, 'cam_reduction': 'sum_abs', 'cam_mask_shift': True, 'prob': 0.5}
    expected = normalised_map(calibrated_attribution_map(net, lq, steps=3, mask_shift=True), 'sum_abs')
    assert torch.equal(cam_saliency(net, lq, options), expected)
    with pytest.raises(OptionError, match='cam_steps'):
        cam_saliency(net, lq, {'cam_steps': 0})
