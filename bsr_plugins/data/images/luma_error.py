"""The error by which a sub-image is scored: squared difference of the luma, 8 bit quantised, border left out (BSPA).

The authors' published code projects the *difference* of the RGB images by (65.738, 129.057, 25.064) / 256, so that the
offset of 16 of BT.601 cancels. BasicSR's ``calculate_psnr(test_y_channel=True)`` projects each image by itself, in
float32, by (65.481, 128.553, 24.966) / 255: the same weights to six digits, and the same MSE to about five.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence, Tuple

import numpy as np

if TYPE_CHECKING:
    import torch

LUMA_WEIGHTS = (65.738 / 256, 129.057 / 256, 25.064 / 256)


def squared_luma_error(sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
    """Return the squared luma error of each pixel, ``(sum_c w_c (round(255 sr_c) - hr_c) / 255)^2``.

    Args:
        sr: Super-resolved RGB images (N, 3, H, W), floating point; clamped to [0, 1] and rounded to 8 bit here.
        hr: Their ground truth (N, 3, H, W), uint8.

    Returns:
        (N, H, W), float64 (float32 cannot hold a sum over a whole image).
    """
    import torch

    wide = sr.detach() if sr.dtype == torch.float64 else sr.detach().float()
    difference = wide.clamp(0, 1).mul_(255).round_().sub_(hr)
    red, green, blue = difference.double().unbind(1)
    w_red, w_green, w_blue = LUMA_WEIGHTS
    luma = red.mul_(w_red).add_(green, alpha=w_green).add_(blue, alpha=w_blue).div_(255)
    return luma.square_()


def window_mse(squared_error: torch.Tensor, border: int) -> torch.Tensor:
    """Return the mean of each map of squared errors without ``border`` pixels along each side: (N, H, W) -> (N,)."""
    height, width = squared_error.shape[-2:]
    inside = squared_error[..., border : height - border, border : width - border]
    # In memory order, since a sum of numbers that lie apart is rounded otherwise.
    return inside.flatten(-2).contiguous().mean(-1)


def windows_mse(squared_error: np.ndarray, corners: Sequence[Tuple[int, int]], size: int, border: int) -> np.ndarray:
    """Return ``window_mse`` of many windows of one image, by an integral image.

    The windows of a grid overlap fourfold; with ``I(y, x) = sum_{i<y, j<x} e(i, j)`` the sum over a window takes four
    look-ups. In float64 a 2K image loses about 1e-12 of the mean of a window.

    Args:
        squared_error: (H, W), float64.
        corners: Top and left of each window.
        size: Side of a window.
        border: Pixels left out along each side of a window.

    Returns:
        (len(corners),) float64, never negative.
    """
    integral = np.zeros((squared_error.shape[0] + 1, squared_error.shape[1] + 1), dtype=np.float64)
    np.cumsum(squared_error, axis=0, out=integral[1:, 1:])
    np.cumsum(integral[1:, 1:], axis=1, out=integral[1:, 1:])
    corner = np.asarray(corners, dtype=np.int64).reshape(-1, 2)
    top, left = corner[:, 0] + border, corner[:, 1] + border
    bottom, right = corner[:, 0] + size - border, corner[:, 1] + size - border
    sums = integral[bottom, right] - integral[top, right] - integral[bottom, left] + integral[top, left]
    return np.maximum(sums, 0) / (size - 2 * border) ** 2


def windows_mse_by_cells(
    squared_error: np.ndarray, corners: Sequence[Tuple[int, int]], size: int, border: int
) -> np.ndarray:
    """Return what :func:`windows_mse` returns, to rounding, in a third of its time: for validations, not for scores.

    The edges of all windows cut the image into cells; the integral image is that of the sums over cells.
    """
    corner = np.asarray(corners, dtype=np.int64).reshape(-1, 2) + border
    inner = size - 2 * border
    if not len(corner):
        return np.empty(0)
    edges = [np.unique(np.concatenate((corner[:, axis], corner[:, axis] + inner))) for axis in (0, 1)]
    (first_row, last_row), (first_column, last_column) = ((each[0], each[-1]) for each in edges)
    inside = squared_error[first_row:last_row, first_column:last_column]
    rows = np.add.reduceat(inside, edges[0][:-1] - first_row, axis=0, dtype=np.float64)
    cells = np.add.reduceat(rows, edges[1][:-1] - first_column, axis=1)
    integral = np.zeros((len(edges[0]), len(edges[1])))
    integral[1:, 1:] = cells.cumsum(0).cumsum(1)
    top, left = (np.searchsorted(edges[axis], corner[:, axis]) for axis in (0, 1))
    bottom, right = (np.searchsorted(edges[axis], corner[:, axis] + inner) for axis in (0, 1))
    sums = integral[bottom, right] - integral[top, right] - integral[bottom, left] + integral[top, left]
    return np.maximum(sums, 0) / inner**2
