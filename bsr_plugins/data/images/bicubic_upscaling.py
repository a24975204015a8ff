"""MATLAB-like bicubic upscaling of batches: the values of BasicSR's ``imresize``, by phases instead of by rows."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Tuple

if TYPE_CHECKING:
    import torch


def upscale_bicubic(images: torch.Tensor, scale: int) -> torch.Tensor:
    """Return ``images`` upscaled as ``basicsr.utils.matlab_functions.imresize(image, scale)`` does, not rounded.

    At a whole factor the weights repeat every ``scale`` output pixels: phase p of the output is one filter over the
    input. Computed in float64, so that it is the same for every batch size; borders mirror as in MATLAB.

    Args:
        images: (N, C, h, w), floating point.
        scale: Upscaling factor, a whole number >= 1.

    Returns:
        (N, C, h * scale, w * scale), float64.
    """
    out = images.double()
    for dimension in (-2, -1):
        out = _upscale_along(out, dimension, scale)
    return out


def mirrored(index: torch.Tensor, length: int) -> torch.Tensor:
    """Return pixel indices with those beyond an image side of ``length`` folded back, as MATLAB mirrors its borders."""
    import torch

    index = torch.where(index < 0, -1 - index, index)
    return torch.where(index >= length, 2 * length - 1 - index, index).clamp_(0, length - 1)


def _upscale_along(images: torch.Tensor, dimension: int, scale: int) -> torch.Tensor:
    import torch

    weights, first = _phases(scale)
    length = images.shape[dimension]
    before, after = -min(first), max(first) + len(weights[0]) - 1
    index = torch.arange(-before, length + after, device=images.device)
    padded = images.index_select(dimension, mirrored(index, length))
    phases = []
    for taps, offset in zip(weights, first):
        total = torch.zeros_like(images)
        for tap, weight in enumerate(taps):
            if weight:
                total.add_(padded.narrow(dimension, before + offset + tap, length), alpha=weight)
        phases.append(total)
    position = dimension + images.dim()
    return torch.stack(phases, dim=position + 1).flatten(position, position + 1)


@functools.lru_cache(maxsize=None)
def _phases(scale: int) -> Tuple[Tuple[Tuple[float, ...], ...], Tuple[int, ...]]:
    """Weights of each output phase and the first input pixel of each, relative to the pixel that the phase is of."""
    from basicsr.utils.matlab_functions import calculate_weights_indices

    length, middle = 16, 8
    weights, indices, before, _ = calculate_weights_indices(length, length * scale, scale, 'cubic', 4, True)
    rows = range(middle * scale, (middle + 1) * scale)
    taps = tuple(tuple(weights[row].double().tolist()) for row in rows)
    return taps, tuple(int(indices[row, 0]) - before - middle for row in rows)
