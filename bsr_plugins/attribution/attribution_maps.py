"""What is read off an attribution: a map in [0, 1], and its diffusion index (LAM, CVPR 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from bsr_plugins.attribution.cam_options import CAM_REDUCTION
from bsr_plugins.common.errors import DataError

# Keeps the Gini coefficient of an empty map from 0 / 0; the constant of LAM's code.
_LIFT = 1e-7


def normalised_map(attribution: Tensor, reduction: str = CAM_REDUCTION.default) -> Tensor:
    r"""Return :math:`|\sum_c A_c| / \max |\sum_c A_c|`, LAM's map of an attribution.

    Args:
        attribution: (C, h, w) or (N, C, h, w), of any sign.
        reduction: ``abs_sum`` as above, or ``sum_abs`` with :math:`\sum_c |A_c|`.

    Returns:
        (h, w) or (N, h, w) in [0, 1], each image by its own maximum; all zero where the attribution is, not NaN.

    Raises:
        OptionError: Unknown reduction.
        DataError: ``attribution`` is of another shape.
    """
    CAM_REDUCTION.checked(reduction, 'reduction')
    if attribution.dim() not in (3, 4):
        raise DataError('This is no attribution', expected='(C, h, w) or (N, C, h, w)', found=tuple(attribution.shape))
    values = attribution.detach()
    values = values if values.dtype == torch.float64 else values.float()
    values = values.sum(-3).abs() if reduction == 'abs_sum' else values.abs().sum(-3)
    highest = values.amax((-2, -1), keepdim=True)
    return values / torch.where(highest == 0, torch.ones_like(highest), highest)


def diffusion_index(map: Tensor) -> float:
    r"""Return the diffusion index :math:`DI = 100 (1 - G)` of a map: how widely the pixels lie that matter.

    G is the Gini coefficient :math:`\sum_i (2i - n - 1) x_i / (n \sum_i x_i)` of the n sorted values, raised by 1e-7
    and, where one is negative, by the lowest. Computed in float64. 100 is a uniform map, so an all-zero map too, which
    says nothing; 100 / n is a map with one pixel alone. Scaling does not change it, but for the 1e-7.

    Args:
        map: The map of one image, (h, w): the result of :func:`normalised_map`.

    Raises:
        DataError: The map is empty, or holds values that are not finite.
    """
    values = map.detach().double().flatten()
    if not len(values) or not torch.isfinite(values).all():
        raise DataError(
            'This map has no diffusion index',
            expected='a map of finite values',
            found='no value' if not len(values) else 'NaN or infinity: the network may have diverged',
        )
    values = (values - values.min().clamp(max=0) + _LIFT).sort().values
    count = len(values)
    ranks = torch.arange(1, count + 1, dtype=torch.float64, device=values.device)
    gini = ((2 * ranks - count - 1) * values).sum() / (count * values.sum())
    return float((1 - gini) * 100)
