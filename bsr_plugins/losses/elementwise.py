"""What all pixel losses share: images checked and brought to one precision, weights, reduction."""

from __future__ import annotations

from typing import Optional, Tuple

import torch
from torch import Tensor, nn

from bsr_plugins.common.errors import DataError
from bsr_plugins.losses.blockwise import Formula
from bsr_plugins.losses.loss_options import LOSS_WEIGHT, REDUCTION

_HALF = (torch.float16, torch.bfloat16)


class ElementwiseLoss(nn.Module):
    """Base of the pixel losses: weights and reduces what a pure function returns for each element.

    Args:
        loss_weight: Factor of the loss.
        reduction: ``mean`` over all elements (with weights: over their sum), ``sum``, or ``none``.
    """

    def __init__(self, loss_weight: float = LOSS_WEIGHT.default, reduction: str = REDUCTION.default) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.reduction = reduction

    def _computed(
        self, formula: Formula, weight: Optional[Tensor], pred: Tensor, target: Tensor, *more: Tensor
    ) -> Tensor:
        """Return the loss by ``formula``, weighted and reduced."""
        if weight is None:
            return self.loss_weight * formula.of(self.reduction, pred, target, *more)
        return self._reduced(formula.of('none', pred, target, *more), weight)

    def _reduced(self, loss: Tensor, weight: Optional[Tensor]) -> Tensor:
        return self.loss_weight * reduce_loss(loss, weight, self.reduction, owner=type(self).__name__)


def reduce_loss(
    loss: Tensor,
    weight: Optional[Tensor] = None,
    reduction: str = REDUCTION.default,
    owner: str = 'the loss',
) -> Tensor:
    """Reduce an elementwise loss as BasicSR's ``weight_reduce_loss`` does.

    Departures: a weight that is broadcast along the batch or an image side counts as often as it is used in ``mean``
    (BasicSR's counts it once there); weights that are 0 everywhere give 0, not NaN.

    Args:
        loss: (N, C, H, W).
        weight: Elementwise weights, each side 1 or as that of ``loss``. None: all 1.
        reduction: ``mean`` = sum(weight * loss) / sum(weight), ``sum`` or ``none``.
        owner: Whose loss it is, for the error.

    Raises:
        DataError: The weight does not fit the loss.
    """
    if weight is not None:
        check_broadcast(owner, 'weight', weight, loss.shape)
        weight = weight.to(loss.dtype).expand_as(loss)
        loss = loss * weight
    if reduction == 'none':
        return loss
    if reduction == 'sum' or weight is None:
        return loss.sum() if reduction == 'sum' else loss.mean()
    total = weight.sum()
    return loss.sum() / total.masked_fill(total == 0, 1)


def same_images(owner: str, **images: Tensor) -> Tuple[Tensor, ...]:
    """Return the images in one precision: float16 and bfloat16 as float32, the widest of them where they differ.

    Raises:
        DataError: An image is not of a floating type, or not of the first one's shape; nothing is broadcast.
    """
    (first, reference), *others = images.items()
    dtype = reference.dtype
    for name, image in images.items():
        if not torch.is_floating_point(image):
            raise DataError(
                f'{owner} was given {name} of a type that it cannot compute',
                expected='floating point',
                found=str(image.dtype),
                remedy='convert the image to float',
            )
        dtype = torch.promote_types(dtype, image.dtype)
    for name, image in others:
        if image.shape != reference.shape:
            raise DataError(
                f'{owner} was given {first} and {name} of different shapes',
                expected=f'{name} of {tuple(reference.shape)}, as {first}',
                found=tuple(image.shape),
                remedy='check upscale of the network against scale, and num_out_ch against the images',
            )
    if dtype in _HALF:
        dtype = torch.float32
    return tuple(image.to(dtype) for image in images.values())


def check_broadcast(owner: str, name: str, tensor: Tensor, shape: Tuple[int, ...]) -> None:
    """Check that ``tensor`` has as many dimensions as ``shape`` and that each of its sides is 1 or that of ``shape``.

    Raises:
        DataError: It does not fit.
    """
    fits = tensor.dim() == len(shape) and all(side in (1, whole) for side, whole in zip(tensor.shape, shape))
    if not fits:
        raise DataError(
            f'{owner} was given a {name} that does not fit the images',
            expected=f'{tuple(shape)}, or 1 in place of a side',
            found=tuple(tensor.shape),
        )


def power(magnitude: Tensor, exponent: float) -> Tensor:
    """Return ``magnitude ** exponent`` of values >= 0; below 1 the derivative at 0, infinite there, is taken as 0."""
    if exponent == 1:
        return magnitude
    if exponent >= 1:
        return magnitude.pow(exponent)
    zero = magnitude == 0
    return magnitude.masked_fill(zero, 1).pow(exponent).masked_fill(zero, 0)
