"""MATLAB-like antialiased bicubic downscaling of batches: the values of BasicSR's ``imresize``, by one filter."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Tuple

from bsr_plugins.data.images.bicubic_upscaling import mirrored

if TYPE_CHECKING:
    import torch


def downscale_bicubic(images: torch.Tensor, scale: int) -> torch.Tensor:
    """Return ``images`` downscaled as ``basicsr.utils.matlab_functions.imresize(image, 1 / scale)`` does, not rounded.

    At a whole factor every output pixel has the same filter, which moves on by ``scale`` input pixels. Computed in
    float64, so that it is the same for every batch size; borders mirror as in MATLAB.

    Args:
        images: (N, C, H, W), floating point, H and W multiples of ``scale``.
        scale: Downscaling factor, a whole number >= 1.

    Returns:
        (N, C, H / scale, W / scale), float64.
    """
    out = images.double()
    for dimension in (-2, -1):
        out = _downscale_along(out, dimension, scale)
    return out


def _downscale_along(images: torch.Tensor, dimension: int, scale: int) -> torch.Tensor:
    import torch

    weights, first = _filter(scale)
    length = images.shape[dimension]
    starts = torch.arange(0, length, scale, device=images.device) + first
    parts = (
        images.index_select(dimension, mirrored(starts + tap, length)) * weight
        for tap, weight in enumerate(weights)
        if weight
    )
    return functools.reduce(torch.Tensor.add_, parts)


@functools.lru_cache(maxsize=None)
def _filter(scale: int) -> Tuple[Tuple[float, ...], int]:
    """The weights of an output pixel and the first input pixel, relative to the first of the ``scale`` it covers."""
    from basicsr.utils.matlab_functions import calculate_weights_indices

    length, middle = 16, 8
    weights, indices, before, _ = calculate_weights_indices(length * scale, length, 1 / scale, 'cubic', 4, True)
    return tuple(weights[middle].double().tolist()), int(indices[middle, 0]) - before - middle * scale
