"""The auxiliary loss of the sigma branch ("Revisiting L1 Loss in Super-Resolution", Eq. 10)."""

from __future__ import annotations

from typing import Any, Optional

from torch import Tensor

from bsr_plugins.common.errors import OptionError
from bsr_plugins.losses.blockwise import AbsoluteError
from bsr_plugins.losses.elementwise import ElementwiseLoss, same_images
from bsr_plugins.losses.error_threshold import below_mean
from bsr_plugins.losses.loss_options import SIGMA_LOSS

_DEFAULTS = SIGMA_LOSS.defaults


def sigma_loss(
    sigma: Tensor,
    pred: Tensor,
    target: Tensor,
    sigma_target: str = _DEFAULTS.target,
    threshold: str = _DEFAULTS.threshold,
) -> Tensor:
    """Return the loss of each element, ||y - mu| - sigma| or |y - mu - sigma| (Eq. 10 without beta).

    Departure: Eq. 10 prints the signed form. There the best sigma of a sigmoid is about 0 everywhere, which contradicts
    the paper's Table 7 and its text ("estimated uncertainty strongly correlates with |y - mu|"); so ``abs`` is the
    default. The gradient flows into whatever is not detached.

    Args:
        sigma: Output of the sigma branch, (N, C, H, W) in (0, 1).
        pred: mu, the super-resolved images, same shape, in [0, 1].
        target: y, the HR images, same shape.
        sigma_target: ``abs`` or ``signed``.
        threshold: ``batch``: y - mu counts as 0 where |y - mu| is less than its mean over the batch (Sec. 4.3); the
            mask is detached. ``none``: nowhere.

    Returns:
        (N, C, H, W), not reduced.
    """
    return AbsoluteError().of('none', sigma, wanted_sigma(pred, target, sigma_target, threshold))


def wanted_sigma(pred: Tensor, target: Tensor, sigma_target: str, threshold: str) -> Tensor:
    """Return what sigma is compared with, |y - mu| or y - mu, with the threshold of :func:`sigma_loss`."""
    error = target - pred
    wanted = error.abs() if sigma_target == 'abs' else error
    return wanted if threshold == 'none' else wanted.masked_fill(below_mean(error.abs(), threshold), 0)


class SigmaLoss(ElementwiseLoss):
    """Eq. 10 as a loss of ``train.sigma_opt``, see :func:`sigma_loss`.

    Args:
        loss_weight: beta of Eq. 10.
        target: ``abs`` or ``signed``.
        threshold: ``none`` or ``batch``.
        detach_pred: Train only the branch and the features it reads, with mu detached, as the paper does. False: train
            mu too; with ``target: signed`` this is the third row of its Table 1.
        reduction: ``mean``, ``sum`` or ``none``.

    Raises:
        OptionError: An option has a wrong value.
    """

    def __init__(
        self,
        loss_weight: float = _DEFAULTS.loss_weight,
        target: str = _DEFAULTS.target,
        threshold: str = _DEFAULTS.threshold,
        detach_pred: bool = _DEFAULTS.detach_pred,
        reduction: str = _DEFAULTS.reduction,
    ) -> None:
        super().__init__(loss_weight, reduction)
        SIGMA_LOSS.check(
            loss_weight=loss_weight, target=target, threshold=threshold, detach_pred=detach_pred, reduction=reduction
        )
        self.target = target
        self.threshold = threshold
        self.detach_pred = detach_pred

    def forward(
        self,
        sigma: Tensor,
        pred: Tensor,
        target: Optional[Tensor] = None,
        weight: Optional[Tensor] = None,
        **kwargs: Any,
    ) -> Tensor:
        """Return the loss.

        Args:
            sigma: Output of the sigma branch, (N, C, H, W) in (0, 1).
            pred: Super-resolved images, same shape, in [0, 1].
            target: HR images, same shape.
            weight: Elementwise weights, each side 1 or as that of ``pred``.
            **kwargs: Not used.

        Raises:
            OptionError: The loss stands in the place of a pixel loss, which has no sigma.
            DataError: The shapes do not fit each other.
        """
        if target is None:
            raise OptionError(
                'SigmaLoss was used as a pixel loss',
                where='train',
                expected='sigma, pred and target',
                found='pred and target',
                remedy='put SigmaLoss under train.sigma_opt, beside network_sigma, with model_type: RebalancedSRModel',
            )
        pred, target, sigma = same_images('SigmaLoss', pred=pred, target=target, sigma=sigma)
        if self.detach_pred:
            pred = pred.detach()
        wanted = wanted_sigma(pred, target, self.target, self.threshold)
        return self._computed(AbsoluteError(), weight, sigma, wanted)
