"""MATLAB-like bicubic upscaling of batches: the values of BasicSR's ``imresize``, by two matrix products."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, List, Tuple

if TYPE_CHECKING:
    import torch

# Longer sides are cut into blocks, since a row of the matrix has only five entries or so.
_BLOCK = 32


def upscale_bicubic(images: torch.Tensor, scale: int) -> torch.Tensor:
    """Return ``images`` upscaled as ``basicsr.utils.matlab_functions.imresize(image, scale)`` does, not rounded.

    ``A X B^T`` with the bicubic weights of the rows in ``A`` and of the columns in ``B``; borders mirror as in MATLAB.
    Computed in float64, so that it is the same for every batch size. Of 8-bit images at x2 and x4 no sum is rounded at
    all, whatever its order: the pixels are multiples of 2^-31, and a weight is one of 2^-10.

    Args:
        images: (N, C, h, w), floating point.
        scale: Upscaling factor, a whole number >= 1.

    Returns:
        (N, C, h * scale, w * scale), float64.
    """
    return _upscale_columns(_upscale_rows(images.double(), scale), scale)


def mirrored(index: torch.Tensor, length: int) -> torch.Tensor:
    """Return pixel indices with those beyond an image side of ``length`` folded back, as MATLAB mirrors its borders."""
    import torch

    index = torch.where(index < 0, -1 - index, index)
    return torch.where(index >= length, 2 * length - 1 - index, index).clamp_(0, length - 1)


def _upscale_rows(images: torch.Tensor, scale: int) -> torch.Tensor:
    length = images.shape[-2]
    if length <= 2 * _BLOCK:
        return _whole_matrix(length, scale, str(images.device)) @ images
    blocks = images.index_select(-2, _rows_of_blocks(length, scale, images.device))
    matrix = _block_matrix(_BLOCK, scale, str(images.device))
    out = matrix @ blocks.unflatten(-2, (-1, matrix.shape[1]))
    return out.flatten(-3, -2)[..., : length * scale, :]


def _upscale_columns(images: torch.Tensor, scale: int) -> torch.Tensor:
    length = images.shape[-1]
    if length <= 2 * _BLOCK:
        return images @ _whole_matrix(length, scale, str(images.device)).t()
    blocks = images.index_select(-1, _rows_of_blocks(length, scale, images.device))
    matrix = _block_matrix(_BLOCK, scale, str(images.device))
    out = blocks.unflatten(-1, (-1, matrix.shape[1])) @ matrix.t()
    return out.flatten(-2)[..., : length * scale]


def _rows_of_blocks(length: int, scale: int, device: torch.device) -> torch.Tensor:
    """The input pixels of each block of a side and those around it that its filters reach, block after block."""
    import torch

    before, after = _reach(scale)
    starts = torch.arange(0, length, _BLOCK, device=device)
    return mirrored(starts[:, None] + torch.arange(-before, _BLOCK + after, device=device), length).flatten()


@functools.lru_cache(maxsize=64)
def _whole_matrix(length: int, scale: int, device: str) -> torch.Tensor:
    """The weights of a whole side, borders folded in: (length * scale, length)."""
    import torch

    before, after = _reach(scale)
    inputs = mirrored(torch.arange(-before, length + after, device=device), length)
    with torch.inference_mode(False):
        whole = torch.zeros(length * scale, length, dtype=torch.float64, device=device)
        return whole.index_add_(1, inputs, _block_matrix(length, scale, device))


@functools.lru_cache(maxsize=64)
def _block_matrix(length: int, scale: int, device: str) -> torch.Tensor:
    """The weights of ``length`` pixels and those around them: (length * scale, before + length + after)."""
    import torch

    weights, first = _phases(scale)
    before, after = _reach(scale)
    rows: List[List[float]] = []
    for pixel in range(length):
        for taps, offset in zip(weights, first):
            start = before + pixel + offset
            rest = before + length + after - start - len(taps)
            rows.append([0.0] * start + list(taps) + [0.0] * rest)
    with torch.inference_mode(False):
        return torch.tensor(rows, dtype=torch.float64, device=device)


def _reach(scale: int) -> Tuple[int, int]:
    """How many pixels before and after a pixel its output takes in."""
    weights, first = _phases(scale)
    return -min(first), max(first) + len(weights[0]) - 1


@functools.lru_cache(maxsize=None)
def _phases(scale: int) -> Tuple[Tuple[Tuple[float, ...], ...], Tuple[int, ...]]:
    """Weights of each output phase and the first input pixel of each, relative to the pixel that the phase is of."""
    from basicsr.utils.matlab_functions import calculate_weights_indices

    length, middle = 16, 8
    weights, indices, before, _ = calculate_weights_indices(length, length * scale, scale, 'cubic', 4, True)
    rows = range(middle * scale, (middle + 1) * scale)
    taps = tuple(tuple(weights[row].double().tolist()) for row in rows)
    return taps, tuple(int(indices[row, 0]) - before - middle for row in rows)
