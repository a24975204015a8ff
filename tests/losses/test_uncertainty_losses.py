"""Both losses of UDN: golden values, the best s, what is detached, per sample and channel."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bsr_plugins.common.errors import OptionError
from bsr_plugins.losses.uncertainty_driven_loss import UncertaintyDrivenLoss, uncertainty_driven_loss
from bsr_plugins.losses.uncertainty_estimation_loss import UncertaintyEstimationLoss, uncertainty_estimation_loss


def row(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


@pytest.mark.parametrize('error', [0.5, 2.0, 30.0])
def test_the_best_s_is_the_logarithm_of_half_the_error(error: float) -> None:
    best = math.log(error / 2)
    s = row(best - 0.01, best, best + 0.01).requires_grad_()
    loss = uncertainty_estimation_loss(s, torch.zeros_like(s), torch.full_like(s, error), img_range=1)
    assert loss.flatten()[1].item() == pytest.approx(2 + 2 * best, abs=1e-12)
    assert loss.argmin() == 1
    loss.sum().backward()
    assert s.grad.flatten()[1].item() == pytest.approx(0, abs=1e-12)


def test_the_first_step_by_hand() -> None:
    # e = 2 grey levels and s = 0: L = 2; e = 0 and s = -1: L = -2.
    found = uncertainty_estimation_loss(row(0, -1), row(0.25, 0.5), row(0.25 + 2 / 255, 0.5))
    assert found.flatten().tolist() == pytest.approx([2, -2], abs=1e-12)
    pred, s = row(0.1, 0.9).requires_grad_(), row(0.5, -0.5).requires_grad_()
    UncertaintyEstimationLoss(img_range=1, reduction='sum')(s, pred, row(0.5, 0.5)).backward()
    assert pred.grad.flatten().tolist() == pytest.approx([-math.exp(-0.5), math.exp(0.5)])
    assert s.grad.flatten().tolist() == pytest.approx([2 - 0.4 * math.exp(-0.5), 2 - 0.4 * math.exp(0.5)])


@pytest.mark.parametrize('offset, weights', [(1, [1, 2, 4]), (0, [0, 1, 3])])
def test_the_second_step_by_hand(offset: float, weights: list) -> None:
    pred = row(0.5, 0.5, 0.5).requires_grad_()
    s = row(0, 1, 3).requires_grad_()
    loss = uncertainty_driven_loss(pred, row(0.6, 0.6, 0.4), s, offset)
    assert loss.flatten().tolist() == pytest.approx([0.1 * weight for weight in weights])
    loss.sum().backward()
    assert s.grad is None and pred.grad.flatten().tolist() == [-weights[0], -weights[1], weights[2]]


def test_a_constant_s_is_plain_l1() -> None:
    pred, target = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    s = torch.rand(2, 3, 1, 1).expand(2, 3, 4, 4)
    assert UncertaintyDrivenLoss()(pred, target, log_variance=s).item() == pytest.approx(
        (pred - target).abs().mean().item(), rel=1e-6
    )
    assert UncertaintyDrivenLoss(offset=0)(pred, target, log_variance=s).item() == 0


def test_the_minimum_is_of_each_sample_and_channel() -> None:
    s = torch.rand(2, 3, 4, 5, dtype=torch.float64)
    weights = uncertainty_driven_loss(torch.zeros_like(s), torch.ones_like(s), s)
    assert torch.equal(weights.flatten(2).amin(-1), torch.ones(2, 3, dtype=torch.float64))


def test_without_an_uncertainty_they_say_what_is_needed() -> None:
    images = torch.zeros(1, 3, 4, 4)
    with pytest.raises(OptionError, match=r'path\.pretrain_network_udn'):
        UncertaintyDrivenLoss()(images, images)
    with pytest.raises(OptionError, match=r'train\.sigma_opt'):
        UncertaintyEstimationLoss()(images, images)
