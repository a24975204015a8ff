"""The calibration of CAM: how far each step of the path is shifted (ADD's supplement, Algorithm 1, lines 9 to 14).

Reconstructed after the step control of Guided IG (CVPR 2021), whose constants and words the algorithm has.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bsr_plugins.attribution.blur_path import BlurPath
from bsr_plugins.attribution.cam_options import CAM_GRAD_GAIN, CAM_MASK, CAM_MASK_SHIFT, CAM_MAX_DIST, CAM_PF
from bsr_plugins.attribution.path_gradients import PathSteps

# Below it no pixel of the mask can move: the path has arrived, and line 12 as printed divides by zero.
_NOTHING_MOVES = 1e-12


def lowest_values(values: Tensor, fraction: float) -> Tensor:
    r"""Return M_f (Eq. 5): where :math:`|v| \le T_f`, the ``fraction`` quantile of its image and step (a value of it).

    Args:
        values: (N, S, C, h, w).
        fraction: p_f in [0, 1]; 1 takes all pixels.

    Returns:
        bool, of the shape of ``values``; equal values are taken together.
    """
    flat = values.abs().flatten(2)
    place = int(fraction * (flat.shape[-1] - 1))
    return (flat <= flat.kthvalue(place + 1, dim=-1, keepdim=True).values).view(values.shape)


def calibration_factor(path: BlurPath, points: Tensor, mask: Tensor, max_dist: float) -> Tensor:
    r"""Return delta (N, S), in [0, 1], of each image and point (Eq. 6).

    .. math::

        L_{OA} = \|\gamma(0) - I\|_1, \quad L_{TG} = L_{OA} (1 - a_i), \quad L_{CU} = \|\gamma(a_i) - I\|_1, \quad
        L_{MF} = \|M_f (\gamma(a_i) - \gamma(a_{max}))\|_1, \quad \delta = (L_{CU} - L_{TG}) / L_{MF}

    with a_max = min(1, a_i + ``max_dist``). Guards, without which steps of any image fail: delta is 0 where it is
    negative (the path is ahead of its target) or where L_MF < 1e-12, and at most 1.

    Args:
        path: The path of N images.
        points: a_i, (S,), in [0, 1].
        mask: M_f, bool, (N, S, C, h, w).
        max_dist: How far a point may move.
    """
    start, end = points.new_zeros(1), points.new_ones(1)
    total = _l1(path.differences(start, end))
    current = _l1(path.differences(points, end.expand_as(points)))
    movable = _l1(path.differences(points, (points + max_dist).clamp(max=1)) * mask)
    behind = current - total * (1 - points)
    moves = movable >= _NOTHING_MOVES
    factor = behind / torch.where(moves, movable, torch.ones_like(movable))
    return torch.where(moves, factor, torch.zeros_like(factor)).clamp(0, 1)


def _l1(images: Tensor) -> Tensor:
    return images.abs().flatten(2).sum(2, dtype=torch.float64)


@dataclass(frozen=True)
class Calibration:
    r"""What CAM makes of steps of the path (lines 9 to 14, Eq. 5 and 6).

    .. math::

        \gamma_c = \gamma(a_i + \delta (a_{max} - a_i)), \qquad \psi_i = \phi_i + (\gamma_c - \gamma(a_i)) \odot G_i

    with delta of :func:`calibration_factor`. The shifted point lies between a_i and a_max.

    Attributes:
        pf, max_dist, grad_gain, mask, mask_shift: Options of CAM, see :mod:`bsr_plugins.attribution.cam_options`.

    Raises:
        OptionError: One of them is out of range.
    """

    pf: float = CAM_PF.default
    max_dist: float = CAM_MAX_DIST.default
    grad_gain: str = CAM_GRAD_GAIN.default
    mask: str = CAM_MASK.default
    mask_shift: bool = CAM_MASK_SHIFT.default

    def __post_init__(self) -> None:
        for option in (CAM_PF, CAM_MAX_DIST, CAM_GRAD_GAIN, CAM_MASK, CAM_MASK_SHIFT):
            name = option.name[len('cam_') :]
            option.checked(getattr(self, name), name)

    def __call__(self, steps: PathSteps) -> Tensor:
        """Return psi (N, S, C, h, w)."""
        path, points = steps.path, steps.points
        mask = lowest_values(steps.gradients if self.mask == 'gradient' else steps.images, self.pf)
        reach = (points + self.max_dist).clamp(max=1) - points
        shifted = points + calibration_factor(path, points, mask, self.max_dist) * reach
        shift = path.differences(points.expand_as(shifted), shifted)
        if self.mask_shift:
            shift = shift * mask
        return steps.phi + shift * (steps.gradients if self.grad_gain == 'grad' else steps.phi)
