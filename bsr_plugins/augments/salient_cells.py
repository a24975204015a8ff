"""The most salient cells of a coarse grid: where ADD takes an image apart ("coarse-grained partitioning")."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from bsr_plugins.common.errors import OptionError


def salient_cells(saliency: Tensor, grid: int, cells: int) -> Tensor:
    """Return the mask of the ``cells`` cells whose mean saliency is largest, of ``grid`` x ``grid`` cells.

    Row y belongs to the row of cells floor(y * grid / h), columns likewise: where the sides do not divide, cells differ
    by one pixel at most. Cells of equal mean rank row by row from the top left, so that a constant map has its first
    cells chosen. Nothing waits for the device.

    Args:
        saliency: (N, 1, h, w), h and w >= grid.
        grid: Cells along each side.
        cells: How many of them, at most grid * grid.

    Returns:
        (N, 1, h, w) of 0 and 1, float32, without a gradient.

    Raises:
        OptionError: The map has fewer pixels along a side than the grid has cells.
    """
    height, width = saliency.shape[-2:]
    if min(height, width) < grid:
        raise OptionError(
            'The LR image has fewer pixels than the grid of ADD has cells',
            where='train.augment.grid',
            expected=f'<= {min(height, width)}',
            found=grid,
            remedy='a coarser grid, or a larger gt_size',
        )
    with torch.no_grad():
        rows, columns = (_membership(side, grid, saliency.device) for side in (height, width))
        # Minus the minimum, cells of a constant map are 0 and not equal but for rounding.
        values = saliency[:, 0].float()
        values = values - values.amin((1, 2), keepdim=True)
        sums = rows @ values @ columns.transpose(0, 1)
        means = sums / (rows.sum(1)[:, None] * columns.sum(1))
        chosen = (_ranks(means.flatten(1)) < cells).float().view_as(means)
        return (rows.transpose(0, 1) @ chosen @ columns)[:, None]


@functools.lru_cache(maxsize=64)
def _membership(side: int, grid: int, device: torch.device) -> Tensor:
    """Return (grid, side): 1 where a pixel of that side belongs to a cell."""
    cell = torch.arange(side, device=device) * grid // side
    return (cell == torch.arange(grid, device=device)[:, None]).float()


def _ranks(values: Tensor) -> Tensor:
    """Return the rank of each value of each row, 0 for the largest; the first of equal values comes first."""
    order = torch.arange(values.shape[1], device=values.device)
    first, second = values[:, :, None], values[:, None, :]
    before = (second > first) | ((second == first) & (order < order[:, None]))
    return before.sum(2)
