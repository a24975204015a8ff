"""ExpectationLoss with other scales of the noise (Eq. 6 and 7) and the Laplace form: values, gradients, limits."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bsr_plugins.common.errors import OptionError
from bsr_plugins.losses.expectation_loss import ExpectationLoss, expectation_loss
from bsr_plugins.losses.laplace_noise import laplace_noise

# Quantiles of a distribution at equal steps stand for draws: no test hangs on luck.
GRID = (torch.arange(200_001, dtype=torch.float64) + 0.5) / 200_001


def column(value: float) -> Tensor:
    return torch.full((1, 1, 1, 1), value, dtype=torch.float64)


@pytest.mark.parametrize('scale, expected', [(0.5, 1.008491), (2.0, 1.791186), (0.0, 1.0)])
@pytest.mark.parametrize('learned', [True, False])
def test_the_mean_over_normal_noise(scale: float, expected: float, learned: bool) -> None:
    noise = torch.special.ndtri(GRID).view(-1, 1, 1, 1, 1)
    given = column(scale) if learned else scale
    assert expectation_loss(column(0), column(1), noise, 'none', given).item() == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize('error', [0.5, 1.0, -1.0])
def test_the_mean_over_laplace_noise(error: float) -> None:
    noise = laplace_noise(GRID - 0.5).view(-1, 1, 1, 1, 1)
    # E|m - n| = |m| + exp(-|m|) for n of scale 1; Eq. 8 multiplies E|1 - n| by |e|.
    found = expectation_loss(column(0), column(error), noise, 'none', 1.0).item()
    assert found == pytest.approx(abs(error) + math.exp(-abs(error)), abs=1e-4)
    adaptive = expectation_loss(column(0), column(error), noise, 'none').item()
    assert adaptive == pytest.approx(1.3678794 * abs(error), abs=1e-4)


def test_laplace_noise_by_hand() -> None:
    z = torch.tensor([0.25, -0.25, 0.0, 0.5, -0.5])
    assert laplace_noise(z)[:3].tolist() == pytest.approx([math.log(2), -math.log(2), 0])
    assert torch.isfinite(laplace_noise(z)).all() and laplace_noise(z)[3] == -laplace_noise(z)[4] > 16
    drawn = ExpectationLoss(distribution='laplace').draw_noise(torch.empty(1, 1, 200, 200), torch.Generator())
    assert drawn.dtype == torch.float32 and drawn.abs().mean().item() == pytest.approx(1, abs=0.02)
    assert drawn.var().item() == pytest.approx(2, abs=0.15)


def test_what_the_gradient_of_a_learned_sigma_is() -> None:
    pred, sigma = column(0.2).requires_grad_(), column(0.1).requires_grad_()
    loss = ExpectationLoss(noise_scale='sigma', threshold='none')
    # y - mu - sigma z = .3 - .1 * 2 > 0: d/dmu = -1, d/dsigma = -z; with z = 4 it is below 0.
    for z, expected in ((2.0, (0.1, -1, -2)), (4.0, (0.1, 1, 4))):
        value = loss(pred, column(0.5), noise=column(z), sigma=sigma)
        gradients = torch.autograd.grad(value, (pred, sigma))
        assert (value.item(), *(each.item() for each in gradients)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize('options', [{'noise_scale': 'sigma'}, {'noise_scale': 0.1}, {'distribution': 'laplace'}])
def test_gradcheck(options: dict) -> None:
    generator = torch.Generator().manual_seed(0)
    pred, target, sigma = (torch.rand(2, 3, 2, 2, generator=generator, dtype=torch.float64) for _ in range(3))
    loss = ExpectationLoss(threshold='none', **options)
    noise = loss.draw_noise(pred, generator)
    pred.requires_grad_()
    sigma.requires_grad_()
    given = (pred, sigma) if loss.takes_sigma else (pred,)
    assert torch.autograd.gradcheck(
        lambda mu, *s: loss(mu, target, noise=noise, sigma=s[0] if s else None), given, eps=1e-7, atol=1e-5
    )


def test_half_precision_and_several_draws() -> None:
    pred, target = torch.rand(2, 3, 4, 4).half(), torch.rand(2, 3, 4, 4).half()
    loss = ExpectationLoss(noise_scale='sigma', threshold='none', num_draws=3)
    found = loss(pred, target, sigma=torch.rand(2, 3, 4, 4).bfloat16())
    assert found.dtype == torch.float32 and torch.isfinite(found)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(OptionError, match='threshold: none'):
        ExpectationLoss(noise_scale=0.1)
    with pytest.raises(OptionError, match='noise_scale'):
        ExpectationLoss(noise_scale='mu', threshold='none')
    with pytest.raises(OptionError, match='SigmaBranch'):
        ExpectationLoss(noise_scale='sigma', threshold='none')(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4))
