"""UDL, the loss of UDN's second step: L1 weighted by the uncertainty of the first ("Uncertainty-Driven Loss", 2021)."""

from __future__ import annotations

from typing import Any, Optional

from torch import Tensor

from bsr_plugins.common.errors import OptionError
from bsr_plugins.losses.elementwise import ElementwiseLoss, same_images
from bsr_plugins.losses.loss_options import UNCERTAINTY_DRIVEN_LOSS

_DEFAULTS = UNCERTAINTY_DRIVEN_LOSS.defaults


def uncertainty_driven_loss(
    pred: Tensor, target: Tensor, log_variance: Tensor, offset: float = _DEFAULTS.offset
) -> Tensor:
    """Return ``w * |y - mu|`` of each element, ``w = s - min(s) + offset``; the minimum of each sample and channel.

    Departure: the paper has no offset. The published code adds 1, which keeps the surest pixels in the loss; without it
    a constant s makes the loss 0. s is detached.

    Args:
        pred: mu, the super-resolved images, (N, C, H, W) in [0, 1].
        target: y, the HR images, same shape.
        log_variance: s = ln(theta) of the first step, same shape.
        offset: 1 as in the code, 0 as in the paper.

    Returns:
        (N, C, H, W), not reduced.
    """
    s = log_variance.detach()
    return (s - s.amin((-2, -1), keepdim=True) + offset) * (target - pred).abs()


class UncertaintyDrivenLoss(ElementwiseLoss):
    """UDL as a loss of BasicSR, see :func:`uncertainty_driven_loss`.

    The model gives it s from the frozen networks of the first step (``path.pretrain_network_udn``).

    Args:
        offset: 1 as in the published code, 0 as in the paper.
        loss_weight: Factor of the loss.
        reduction: ``mean`` over all elements, ``sum`` or ``none``.

    Raises:
        OptionError: An option has a wrong value.
    """

    #: Tells a model to pass ``log_variance=``.
    takes_log_variance = True

    def __init__(
        self,
        offset: float = _DEFAULTS.offset,
        loss_weight: float = _DEFAULTS.loss_weight,
        reduction: str = _DEFAULTS.reduction,
    ) -> None:
        super().__init__(loss_weight, reduction)
        UNCERTAINTY_DRIVEN_LOSS.check(offset=offset, loss_weight=loss_weight, reduction=reduction)
        self.offset = offset

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Optional[Tensor] = None,
        log_variance: Optional[Tensor] = None,
        **kwargs: Any,
    ) -> Tensor:
        """Return the loss.

        Args:
            pred: Super-resolved images, (N, C, H, W) in [0, 1].
            target: HR images, same shape.
            weight: Further elementwise weights, each side 1 or as that of ``pred``.
            log_variance: s of the first step, same shape.
            **kwargs: Not used.

        Raises:
            OptionError: There is no s.
            DataError: The shapes do not fit each other.
        """
        if log_variance is None:
            raise OptionError(
                'UncertaintyDrivenLoss was given no uncertainty',
                where='train',
                expected='s of the first step',
                remedy='model_type: RebalancedSRModel, network_sigma: {type: LogVarianceBranch} and '
                'path.pretrain_network_udn: net_g_*.pth of the first step',
            )
        pred, target, s = same_images('UncertaintyDrivenLoss', pred=pred, target=target, log_variance=log_variance)
        return self._reduced(uncertainty_driven_loss(pred, target, s, self.offset), weight)
