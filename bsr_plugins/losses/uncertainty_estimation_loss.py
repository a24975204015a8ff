"""The loss of UDN's first step, which estimates a sparse uncertainty ("Uncertainty-Driven Loss", NeurIPS 2021)."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch import Tensor

from bsr_plugins.common.errors import OptionError
from bsr_plugins.losses.elementwise import ElementwiseLoss, same_images
from bsr_plugins.losses.loss_options import UNCERTAINTY_ESTIMATION_LOSS

_DEFAULTS = UNCERTAINTY_ESTIMATION_LOSS.defaults
#: Factor of the logarithm of theta: 1 by the likelihood, 1 by Jeffreys' prior.
_LOG_FACTOR = 2


def uncertainty_estimation_loss(
    log_variance: Tensor, pred: Tensor, target: Tensor, img_range: float = _DEFAULTS.img_range
) -> Tensor:
    """Return ``exp(-s) * |y - mu| + 2 s`` of each element, s = ln(theta): a Laplace likelihood and Jeffreys' prior.

    The best s is ln(|y - mu| / 2), where the loss is 2 + 2 ln(|y - mu| / 2). LogVarianceBranch ends in an ELU, s > -1,
    which an error below 0.74 reaches: images must count in grey levels, so they are multiplied by ``img_range``. In
    [0, 1] s would be -1 everywhere. Nothing is detached.

    Args:
        log_variance: s, (N, C, H, W).
        pred: mu, the super-resolved images, same shape, in [0, 1].
        target: y, the HR images, same shape.
        img_range: What 1 in an image stands for.

    Returns:
        (N, C, H, W), not reduced; it may be negative.
    """
    return torch.exp(-log_variance) * (img_range * (target - pred)).abs() + _LOG_FACTOR * log_variance


class UncertaintyEstimationLoss(ElementwiseLoss):
    """The first step of UDN as ``train.sigma_opt``, see :func:`uncertainty_estimation_loss`.

    It trains network_g and ``network_sigma: {type: LogVarianceBranch}`` together, without a pixel_opt.

    Args:
        img_range: What 1 in an image stands for.
        loss_weight: Factor of the loss.
        reduction: ``mean``, ``sum`` or ``none``.

    Raises:
        OptionError: An option has a wrong value.
    """

    def __init__(
        self,
        img_range: float = _DEFAULTS.img_range,
        loss_weight: float = _DEFAULTS.loss_weight,
        reduction: str = _DEFAULTS.reduction,
    ) -> None:
        super().__init__(loss_weight, reduction)
        UNCERTAINTY_ESTIMATION_LOSS.check(img_range=img_range, loss_weight=loss_weight, reduction=reduction)
        self.img_range = img_range

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
            sigma: Output of the branch: s = ln(theta), (N, C, H, W).
            pred: Super-resolved images, same shape, in [0, 1].
            target: HR images, same shape.
            weight: Elementwise weights, each side 1 or as that of ``pred``.
            **kwargs: Not used.

        Raises:
            OptionError: The loss stands in the place of a pixel loss, which has no s.
            DataError: The shapes do not fit each other.
        """
        if target is None:
            raise OptionError(
                'UncertaintyEstimationLoss was used as a pixel loss',
                where='train',
                expected='s, pred and target',
                found='pred and target',
                remedy='put it under train.sigma_opt, beside network_sigma: {type: LogVarianceBranch}, '
                'with model_type: RebalancedSRModel',
            )
        pred, target, sigma = same_images('UncertaintyEstimationLoss', pred=pred, target=target, log_variance=sigma)
        return self._reduced(uncertainty_estimation_loss(sigma, pred, target, self.img_range), weight)
