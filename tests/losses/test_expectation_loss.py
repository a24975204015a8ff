"""ExpectationLoss: the values and gradients of Eq. 8, its mean over draws, noise of each kind, the threshold."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.losses.error_threshold import below_mean
from bsr_plugins.losses.expectation_loss import ExpectationLoss, expectation_loss


def images(*shape: int, seed: int = 0, **kind: Any) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), **kind)


def normal(*shape: int, seed: int = 0, **kind: Any) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **kind)


@pytest.mark.parametrize(
    'mu, z, value, gradient',
    [
        (0.2, 0.5, 0.15, -0.5),
        (0.9, 0.5, 0.6, 1.5),
        (0.2, 2.0, 0.3, 1 * -1.0),
        (0.9, 2.0, 1.2, 3.0),
    ],
)
def test_golden_values_and_gradients(mu: float, z: float, value: float, gradient: float) -> None:
    pred = torch.full((1, 1, 1, 1), mu, dtype=torch.float64, requires_grad=True)
    noise = torch.full_like(pred, z, requires_grad=False)
    loss = ExpectationLoss(threshold='none')(pred, torch.full_like(pred, 0.5), noise=noise)
    loss.backward()
    assert loss.item() == pytest.approx(value, abs=1e-12)
    # A detached |y - mu| would give +1 for (.2, 2): away from the target.
    assert pred.grad.item() == pytest.approx(gradient, abs=1e-12)


def test_the_gradient_always_leads_towards_the_target() -> None:
    pred = images(4, 3, 16, 16, dtype=torch.float64).requires_grad_()
    target, noise = images(4, 3, 16, 16, seed=1, dtype=torch.float64), 2 * normal(4, 3, 16, 16, dtype=torch.float64)
    assert ((noise > 1).double().mean() > 0.2).item()
    expectation_loss(pred, target, noise, 'none').sum().backward()
    assert torch.equal(pred.grad.sign(), (pred - target).sign())
    closed = (pred - target).sign() * ((target - pred).sign() - noise).abs()
    assert torch.allclose(pred.grad, closed)


@pytest.mark.parametrize('threshold', ['none', 'batch', 'sample'])
def test_no_noise_is_l1_exactly(threshold: str) -> None:
    pred, target = images(2, 3, 8, 8).requires_grad_(), images(2, 3, 8, 8, seed=1)
    loss = ExpectationLoss(threshold=threshold)(pred, target, noise=torch.zeros(2, 3, 8, 8))
    expected = (pred - target).abs().mean()
    assert torch.equal(loss, expected)
    assert torch.equal(torch.autograd.grad(loss, pred)[0], torch.autograd.grad(expected, pred)[0])


def test_the_mean_over_draws() -> None:
    expectation = 2 * math.exp(-0.5) / math.sqrt(2 * math.pi) + math.erf(1 / math.sqrt(2))
    assert expectation == pytest.approx(1.1666309412, abs=1e-10)
    pred, target = images(4, 3, 64, 64), images(4, 3, 64, 64, seed=1)
    loss = ExpectationLoss(threshold='none', num_draws=16)
    noise = loss.draw_noise(pred, torch.Generator().manual_seed(2))
    l1 = (pred - target).abs().mean()
    # 786,432 draws of variance .638972: a standard error of about .001.
    assert (loss(pred, target, noise=noise) / l1).item() == pytest.approx(expectation, abs=0.004)
    spread = (expectation_loss(torch.zeros_like(noise), torch.ones_like(noise), noise, 'none')).var()
    assert spread.item() == pytest.approx(0.638972, abs=0.004)
    # With the threshold the pixels below the mean stay plain L1.
    thresholded = (ExpectationLoss(num_draws=16)(pred, target, noise=noise) / l1).item()
    assert 1.05 < thresholded < 1.16


@pytest.mark.parametrize('mean, deviation, expected', [(1, 0.5, 1.008491), (1, 2, 1.791186), (1, 1, 1.166631)])
def test_expectations_of_scaled_noise(mean: float, deviation: float, expected: float) -> None:
    """E|m - s z| = s sqrt(2/pi) exp(-m^2 / 2 s^2) + m erf(m / (s sqrt 2)), by the quantiles of N(0, 1)."""
    ranks = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    z = math.sqrt(2) * torch.erfinv(2 * ranks - 1)
    found = expectation_loss(torch.zeros_like(z), torch.full_like(z, mean), deviation * z, 'none').mean().item()
    assert found == pytest.approx(expected, abs=2e-5)


def test_golden_threshold() -> None:
    error = torch.tensor([0.1, 0.2, 0.4, 0.5], dtype=torch.float64).view(1, 1, 2, 2)
    assert below_mean(error, 'batch').flatten().tolist() == [True, True, False, False]
    z = torch.full_like(error, 2.0)
    # |e| where the noise is off, |e| |1 - z| = |e| elsewhere: take z = 3 to tell them apart.
    loss = expectation_loss(torch.zeros_like(error), error, 1.5 * z, 'batch')
    assert loss.flatten().tolist() == pytest.approx([0.1, 0.2, 0.8, 1.0])


def test_the_threshold_is_strict_and_detached() -> None:
    error = torch.tensor([0.25, 0.5, 0.75, 0.5]).view(1, 1, 2, 2)
    assert below_mean(error, 'batch').flatten().tolist() == [True, False, False, False]
    pred = (-error).requires_grad_()
    expectation_loss(pred, torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 3.0), 'batch').sum().backward()
    # sign(e) = 1: -1 without noise, -|1 - 3| with it; nothing flows through the mean.
    assert pred.grad.flatten().tolist() == [-1, -2, -2, -2]


def test_scopes_of_the_threshold() -> None:
    target = torch.tensor([[0.1, 0.2], [0.5, 0.9]]).view(2, 1, 1, 2)
    noise = torch.full_like(target, 3.0)
    pred = torch.zeros_like(target)
    noisy = {
        scope: (expectation_loss(pred, target, noise, scope) > 1.5 * target).flatten().tolist()
        for scope in ('batch', 'sample', 'none')
    }
    assert noisy == {'batch': [False, False, True, True], 'sample': [False, True, False, True], 'none': [True] * 4}


@pytest.mark.parametrize(
    'kind, shape',
    [
        ('element', (2, 3, 5, 4)),
        ('pixel', (2, 1, 5, 4)),
        ('sample', (2, 1, 1, 1)),
    ],
)
def test_noise_of_each_kind(kind: str, shape: tuple) -> None:
    pred = images(2, 3, 5, 4)
    loss = ExpectationLoss(noise=kind)
    noise = loss.draw_noise(pred, torch.Generator().manual_seed(7))
    assert noise.shape == shape and noise.dtype == torch.float32
    assert torch.equal(noise, loss.draw_noise(pred, torch.Generator().manual_seed(7)))
    assert not torch.equal(noise, loss.draw_noise(pred, torch.Generator().manual_seed(8)))
    several = ExpectationLoss(noise=kind, num_draws=3)
    draws = several.draw_noise(pred, torch.Generator().manual_seed(7))
    assert draws.shape == (3, *shape)
    target = images(2, 3, 5, 4, seed=1)
    one_by_one = [loss(pred, target, noise=draw) for draw in draws]
    assert several(pred, target, noise=draws).item() == pytest.approx(sum(one_by_one).item() / 3, rel=1e-6)
    assert torch.equal(loss(pred, target, noise=noise), loss(pred, target, noise=noise.expand(2, 3, 5, 4)))


@pytest.mark.parametrize('dtype, drawn', [(torch.float16, torch.float32), (torch.float64, torch.float64)])
def test_the_type_of_the_noise(dtype: torch.dtype, drawn: torch.dtype) -> None:
    assert ExpectationLoss().draw_noise(torch.zeros(1, 3, 4, 4, dtype=dtype)).dtype == drawn


def test_in_a_stock_model_the_global_generator_draws() -> None:
    pred, target = images(2, 3, 8, 8), images(2, 3, 8, 8, seed=1)
    loss = ExpectationLoss()
    torch.manual_seed(5)
    first, second = loss(pred, target), loss(pred, target)
    assert first != second
    torch.manual_seed(5)
    assert torch.equal(loss(pred, target), first)
    torch.manual_seed(5)
    assert torch.equal(loss(pred, target, noise=torch.randn(2, 3, 8, 8)), first)


def test_given_noise_leaves_the_global_generator_alone() -> None:
    pred = images(2, 3, 8, 8)
    before = torch.get_rng_state()
    loss = ExpectationLoss()
    loss(pred, images(2, 3, 8, 8, seed=1), noise=loss.draw_noise(pred, torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    'num_draws, shape, message',
    [
        (1, (2, 3, 8, 7), r'(?s)noise that does not fit.*\(2, 3, 8, 8\), or 1.*found: +\(2, 3, 8, 7\)'),
        (1, (3, 8, 8), r'(?s)does not fit.*found: +\(3, 8, 8\)'),
        (1, (2, 2, 3, 8, 8), r'(?s)does not fit.*\(1, 2, 3, 8, 8\)'),
        (2, (2, 3, 8, 8), r'(?s)does not fit.*\(2, 2, 3, 8, 8\)'),
        (2, (1, 2, 3, 8, 8), '(?s)different number of draws.*expected: +2.*found: +1.*draw_noise'),
    ],
)
def test_noise_that_does_not_fit(num_draws: int, shape: tuple, message: str) -> None:
    pred = images(2, 3, 8, 8)
    with pytest.raises(DataError, match=message):
        ExpectationLoss(num_draws=num_draws)(pred, pred, noise=torch.zeros(shape))


def test_noise_of_a_pixel_needs_channels() -> None:
    with pytest.raises(DataError, match='(?s)noise: pixel.*found'):
        ExpectationLoss(noise='pixel')(torch.zeros(2, 3), torch.zeros(2, 3))


def test_video_batches() -> None:
    pred = images(2, 4, 3, 8, 8)
    assert ExpectationLoss(noise='pixel').draw_noise(pred).shape == (2, 4, 1, 8, 8)
    assert ExpectationLoss(noise='sample', threshold='sample')(pred, 1 - pred).isfinite()


@pytest.mark.parametrize(
    'options, message',
    [
        ({'noise': 'pixels'}, "(?s)ExpectationLoss.noise.*element or pixel or sample.*did you mean 'pixel'"),
        ({'threshold': None}, '(?s)batch or sample or none.*threshold: none, unquoted'),
        ({'num_draws': 0}, '(?s)whole number >= 1.*found: +0'),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ExpectationLoss(**options)


def test_the_mark_by_which_models_know_it() -> None:
    assert ExpectationLoss.takes_noise is True
