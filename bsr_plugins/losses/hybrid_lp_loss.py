"""The hybrid L1 / L2 / Lp loss of "BSR: A Balanced Framework for Single Image Super Resolution" (Fig. 6; Fig. 8: p)."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch import Tensor

from bsr_plugins.losses.blockwise import Formula, blocks
from bsr_plugins.losses.elementwise import ElementwiseLoss, power, same_images
from bsr_plugins.losses.loss_options import HYBRID_LP_LOSS

_DEFAULTS = HYBRID_LP_LOSS.defaults


def hybrid_lp_loss(
    pred: Tensor,
    target: Tensor,
    l1_weight: float = _DEFAULTS.l1_weight,
    l2_weight: float = _DEFAULTS.l2_weight,
    lp_weight: float = _DEFAULTS.lp_weight,
    p: float = _DEFAULTS.p,
    eps: float = _DEFAULTS.eps,
) -> Tensor:
    """Return l1_weight * |e| + l2_weight * e^2 + lp_weight * ((|e| + eps)^p - eps^p) of each element.

    Where e = pred - target. Departures: the paper gives neither the weights nor the form of the Lp term; it is taken
    elementwise, as its Fig. 6 draws it. p |e|^(p - 1) is infinite at 0 for p < 1, so ``eps`` bounds it (with the
    defaults the gradient of the Lp term is at most 1.58, beside 1 of L1) and is taken off again, so that e = 0 costs 0.
    The gradient at e = 0 is 0.

    Args:
        pred: Super-resolved images, (N, C, H, W) in [0, 1].
        target: HR images, same shape.
        l1_weight: Factor of |e|.
        l2_weight: Factor of e^2.
        lp_weight: Factor of the Lp term.
        p: Its power.
        eps: Bounds its gradient; 0 is the plain |e|^p.

    Returns:
        (N, C, H, W), not reduced.
    """
    return _HybridLp(l1_weight, l2_weight, lp_weight, p, eps).of('none', pred, target)


class _HybridLp(Formula):
    """See :func:`hybrid_lp_loss`; by e: sign(e) (l1_weight + 2 l2_weight |e| + lp_weight p (|e| + eps)^(p - 1))."""

    slope_is_constant = False

    def __init__(self, l1_weight: float, l2_weight: float, lp_weight: float, p: float, eps: float) -> None:
        self.l1_weight, self.l2_weight, self.lp_weight = l1_weight, l2_weight, lp_weight
        self.p, self.eps = p, eps
        # Without eps the slope is 0 / 0 where the error is 0.
        self.has_closed_form = bool(eps or not lp_weight)

    def composite(self, pred: Tensor, target: Tensor, *more: Tensor) -> Tensor:
        error = (pred - target).abs()
        loss = self.l1_weight * error
        if self.l2_weight:
            loss = loss + self.l2_weight * error.square()
        if self.lp_weight:
            term = power(error + self.eps, self.p) - self.eps**self.p if self.eps else power(error, self.p)
            loss = loss + self.lp_weight * term
        return loss

    def write(self, loss: Tensor, slope: Optional[Tensor], pred: Tensor, target: Tensor, *more: Tensor) -> None:
        for _, value, steepness, output, truth in blocks(1, loss, slope, pred, target):
            error = torch.sub(output, truth, out=value)
            sign = None if steepness is None else error.sign()
            size = error.abs_()
            square = size.square() if self.l2_weight else None
            if steepness is not None:
                torch.mul(size, 2 * self.l2_weight, out=steepness).add_(self.l1_weight)
            bounded = size + self.eps if self.lp_weight else None
            if self.l1_weight != 1:
                size.mul_(self.l1_weight)
            if square is not None:
                value.add_(square if self.l2_weight == 1 else square.mul_(self.l2_weight))
            if bounded is not None:
                term = bounded.pow(self.p)
                if steepness is not None:
                    steepness.addcdiv_(term, bounded, value=self.lp_weight * self.p)
                value.add_(term.sub_(self.eps**self.p).mul_(self.lp_weight))
            if sign is not None:
                steepness.mul_(sign)


class HybridLpLoss(ElementwiseLoss):
    """BSR's hybrid loss as a loss of BasicSR, see :func:`hybrid_lp_loss`.

    Args:
        l1_weight: Factor of L1.
        l2_weight: Factor of the squared error.
        lp_weight: Factor of the Lp term.
        p: Power of the Lp term.
        eps: Bounds the gradient of the Lp term.
        loss_weight: Factor of the loss.
        reduction: ``mean``, ``sum`` or ``none``.

    Raises:
        OptionError: An option has a wrong value, or all three weights are 0.
    """

    def __init__(
        self,
        l1_weight: float = _DEFAULTS.l1_weight,
        l2_weight: float = _DEFAULTS.l2_weight,
        lp_weight: float = _DEFAULTS.lp_weight,
        p: float = _DEFAULTS.p,
        eps: float = _DEFAULTS.eps,
        loss_weight: float = _DEFAULTS.loss_weight,
        reduction: str = _DEFAULTS.reduction,
    ) -> None:
        super().__init__(loss_weight, reduction)
        HYBRID_LP_LOSS.check(
            l1_weight=l1_weight,
            l2_weight=l2_weight,
            lp_weight=lp_weight,
            p=p,
            eps=eps,
            loss_weight=loss_weight,
            reduction=reduction,
        )
        self.l1_weight, self.l2_weight, self.lp_weight = l1_weight, l2_weight, lp_weight
        self.p = p
        self.eps = eps

    def forward(self, pred: Tensor, target: Tensor, weight: Optional[Tensor] = None, **kwargs: Any) -> Tensor:
        """Return the loss.

        Args:
            pred: Super-resolved images, (N, C, H, W) in [0, 1].
            target: HR images, same shape.
            weight: Elementwise weights, each side 1 or as that of ``pred``.
            **kwargs: Not used.

        Raises:
            DataError: The shapes do not fit each other.
        """
        pred, target = same_images('HybridLpLoss', pred=pred, target=target)
        formula = _HybridLp(self.l1_weight, self.l2_weight, self.lp_weight, self.p, self.eps)
        return self._computed(formula, weight, pred, target)
