"""The saliency without a network: by hand, its range, constant images, and that texture ranks above flat colour."""

from __future__ import annotations

import math

import pytest
import torch

from bsr_plugins.augments.saliency_proxy import saliency_proxy
from bsr_plugins.augments.whole_batch import area_downsampled


def test_a_ramp_by_hand() -> None:
    gt = torch.arange(8.0).div(16).expand(1, 3, 8, 8)  # 1 / 16 from pixel to pixel
    lq = area_downsampled(gt, 2)
    assert lq[0, 0, 0].tolist() == [0.5 / 16, 2.5 / 16, 4.5 / 16, 6.5 / 16]
    found = saliency_proxy(lq, gt, 2)[0, 0]
    # 1 / 8 from one LR pixel to the next, as (right - left) * 4 / 8 inside; at the border the last pixel is repeated.
    assert found[1].tolist() == pytest.approx([0.0625 / 2, 0.125 / 2, 0.125 / 2, 0.0625 / 2])
    assert torch.allclose(saliency_proxy(lq + 0.1, gt, 2)[0, 0], found + 0.05)


def test_a_diagonal_edge_has_the_length_of_its_gradient() -> None:
    gt = (torch.arange(5.0)[:, None] + torch.arange(5.0)).div(10).expand(1, 1, 5, 5)
    assert saliency_proxy(gt, gt, 1)[0, 0, 2, 2].item() == pytest.approx(math.hypot(0.1, 0.1) / 2)


def test_constant_images_are_zero() -> None:
    for value in (0.0, 0.3, 1.0):
        found = saliency_proxy(torch.full((2, 3, 4, 5), value), torch.full((2, 3, 8, 10), value), 2)
        assert found.abs().max() < 1e-7


@pytest.mark.parametrize('kind', [torch.float32, torch.float16, torch.bfloat16])
def test_it_lies_between_0_and_1_in_every_type(kind: torch.dtype) -> None:
    noise = torch.Generator().manual_seed(0)
    gt = torch.randint(2, (4, 3, 12, 12), generator=noise).to(kind)
    found = saliency_proxy(1 - gt[..., ::2, ::2], gt, 2)
    assert found.dtype == torch.float32
    assert found.shape == (4, 1, 6, 6)
    assert found.min() >= 0
    assert found.max() <= 1


def test_texture_ranks_above_a_flat_image_and_no_gradient_is_kept() -> None:
    gt = torch.full((1, 3, 16, 16), 0.5, requires_grad=True).clone()
    gt[..., 8:] = 0.5 + 0.4 * (torch.arange(8) % 2)
    found = saliency_proxy(area_downsampled(gt, 2), gt, 2)
    assert not found.requires_grad
    assert found[..., :3].max() == 0
    assert found[..., 4].min() > 0
