"""HybridLpLoss: its three terms by hand, the gradient at and near 0."""

from __future__ import annotations

import math

import pytest
import torch

from bsr_plugins.common.errors import OptionError
from bsr_plugins.losses.hybrid_lp_loss import HybridLpLoss, hybrid_lp_loss

ERROR = torch.tensor([0.0, 0.01, -0.25, 1.0], dtype=torch.float64).view(1, 1, 2, 2)
TARGET = torch.zeros_like(ERROR)


def test_the_terms_by_hand() -> None:
    def term(**weights: float) -> list:
        chosen = {'l1_weight': 0, 'l2_weight': 0, 'lp_weight': 0, **weights}
        return hybrid_lp_loss(ERROR, TARGET, **chosen, eps=0).flatten().tolist()

    assert term(l1_weight=1) == pytest.approx([0, 0.01, 0.25, 1])
    assert term(l2_weight=1) == pytest.approx([0, 0.0001, 0.0625, 1])
    assert term(lp_weight=1) == pytest.approx([0, 0.1, 0.5, 1])
    assert term(l1_weight=2, l2_weight=3, lp_weight=0.5)[1:] == pytest.approx([0.0703, 0.9375, 5.5])


def test_the_default() -> None:
    expected = [abs(e) + e * e + 0.1 * (math.sqrt(abs(e) + 1e-3) - math.sqrt(1e-3)) for e in ERROR.flatten().tolist()]
    assert hybrid_lp_loss(ERROR, TARGET).flatten().tolist() == pytest.approx(expected)
    assert HybridLpLoss()(ERROR, TARGET).item() == pytest.approx(sum(expected) / 4)
    assert HybridLpLoss()(TARGET, TARGET).item() == 0


@pytest.mark.parametrize('p', [0.3, 0.5, 1, 1.5, 2])
@pytest.mark.parametrize('eps', [0, 1e-3])
def test_the_gradient_at_zero_is_zero(p: float, eps: float) -> None:
    pred = torch.zeros(1, 3, 4, 4, requires_grad=True)
    HybridLpLoss(p=p, eps=eps)(pred, torch.zeros(1, 3, 4, 4)).backward()
    assert pred.grad.abs().max() == 0


def test_the_gradient_of_the_lp_term_is_bounded() -> None:
    pred = torch.tensor([1e-12, -1e-12, 1e-3, 0.1], dtype=torch.float64, requires_grad=True)
    hybrid_lp_loss(pred, torch.zeros_like(pred), 0, 0, 0.1).sum().backward()
    bound = 0.1 * 0.5 / math.sqrt(1e-3)
    assert bound == pytest.approx(1.58, abs=0.002)
    assert pred.grad.tolist() == pytest.approx([bound, -bound, bound / math.sqrt(2), 0.05 / math.sqrt(0.101)], rel=1e-6)


@pytest.mark.parametrize(
    'options, message',
    [
        ({'p': 0}, '(?s)HybridLpLoss.p.*number > 0'),
        ({'eps': -1e-3}, 'number >= 0'),
        ({'eps': '1e-3'}, 'YAML reads 1e-3 as text'),
        ({'lp_weight': -1}, 'number >= 0'),
        ({'l1_weight': 0, 'l2_weight': 0, 'lp_weight': 0}, '(?s)all three weights.*above 0'),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        HybridLpLoss(**options)
