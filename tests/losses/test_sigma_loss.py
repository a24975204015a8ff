"""SigmaLoss: Eq. 10 in both forms, what is detached, the threshold, its weight beta."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.losses.sigma_loss import SigmaLoss, sigma_loss


def row(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


MU, Y, SIGMA = row(0.2, 0.9, 0.5, 0.5), row(0.5, 0.5, 0.6, 0.5), row(0.1, 0.1, 0.1, 0.1)  # y - mu = .3, -.4, .1, 0


@pytest.mark.parametrize(
    'sigma_target, threshold, expected',
    [
        ('abs', 'none', [0.2, 0.3, 0, 0.1]),
        ('signed', 'none', [0.2, 0.5, 0, 0.1]),
        # The mean of |y - mu| is .2: the last two count as 0.
        ('abs', 'batch', [0.2, 0.3, 0.1, 0.1]),
        ('signed', 'batch', [0.2, 0.5, 0.1, 0.1]),
    ],
)
def test_by_hand(sigma_target: str, threshold: str, expected: list) -> None:
    found = sigma_loss(SIGMA, MU, Y, sigma_target, threshold)
    assert found.flatten().tolist() == pytest.approx(expected, abs=1e-12)
    loss = SigmaLoss(target=sigma_target, threshold=threshold)
    assert loss(SIGMA, MU, Y).item() == pytest.approx(0.01 * sum(expected) / 4, abs=1e-14)


@pytest.mark.parametrize('detach_pred', [True, False])
@pytest.mark.parametrize('sigma_target, of_mu', [('abs', [-1, 1, -1]), ('signed', [-1, -1, -1])])
def test_what_the_gradient_reaches(detach_pred: bool, sigma_target: str, of_mu: list) -> None:
    sigma, pred = row(0.1, 0.1, 0.2).requires_grad_(), row(0.2, 0.9, 0.1).requires_grad_()
    target = row(0.5, 0.5, 0.5)
    loss = SigmaLoss(loss_weight=1.0, target=sigma_target, detach_pred=detach_pred, reduction='sum')
    loss(sigma, pred, target).backward()
    signed = sigma_target == 'signed'
    assert sigma.grad.flatten().tolist() == [-1, 1 if signed else -1, -1]
    if detach_pred:
        assert pred.grad is None
    else:
        # d/dmu of |e - sigma|: -sign(e - sigma); of ||e| - sigma|: -sign(|e| - sigma) sign(e).
        assert pred.grad.flatten().tolist() == ([-1, 1, -1] if signed else of_mu)


def test_the_mask_of_the_threshold_is_detached() -> None:
    pred = row(0.2, 0.9, 0.5).requires_grad_()
    SigmaLoss(loss_weight=1.0, threshold='batch', detach_pred=False, reduction='sum')(
        row(0.1, 0.1, 0.1), pred, row(0.5, 0.5, 0.55)
    ).backward()
    # The third lies below the mean and has no gradient; the others only their own.
    assert pred.grad.flatten().tolist() == [-1, 1, 0]


def test_the_branch_learns_the_error_or_nothing() -> None:
    """The best constant sigma is the median of |e| in the form abs, and 0 (the limit of a sigmoid) in the signed."""
    error = torch.randn(1, 1, 100, 100, generator=torch.Generator().manual_seed(0)) * 0.1
    grid = torch.linspace(0.001, 0.2, 200)
    for sigma_target, best in (('abs', error.abs().median().item()), ('signed', 0.0)):
        values = [
            sigma_loss(sigma.expand_as(error), -error, torch.zeros_like(error), sigma_target).mean().item()
            for sigma in grid
        ]
        assert grid[values.index(min(values))].item() == pytest.approx(best, abs=0.003)


def test_in_the_place_of_a_pixel_loss() -> None:
    with pytest.raises(OptionError, match='(?s)train.sigma_opt.*network_sigma.*RebalancedSRModel'):
        SigmaLoss()(MU, Y)


def test_a_sigma_of_another_shape() -> None:
    with pytest.raises(DataError, match=r'(?s)pred and sigma of different.*\(1, 1, 1, 4\).*found: +\(1, 1, 1, 3\)'):
        SigmaLoss()(row(0.1, 0.1, 0.1), MU, Y)


@pytest.mark.parametrize(
    'options, message',
    [
        ({'target': 'absolute'}, '(?s)SigmaLoss.target.*abs or signed'),
        ({'threshold': 'sample'}, 'none or batch'),
        ({'detach_pred': 'no'}, "(?s)true or false.*'no'"),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        SigmaLoss(**options)
