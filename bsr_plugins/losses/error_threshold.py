"""The thresholding of "Revisiting L1 Loss in Super-Resolution", Sec. 4.3: errors below the average count as easy."""

from __future__ import annotations

from torch import Tensor


def below_mean(error: Tensor, scope: str) -> Tensor:
    """Return the mask of elements of |y - mu| (N, C, H, W) strictly less than the mean of the batch or their sample."""
    error = error.detach()
    return error < mean_error(error, scope)


def mean_error(error: Tensor, scope: str) -> Tensor:
    """Return the mean of ``error`` over the ``batch``, or of each ``sample``, (N, 1, 1, 1)."""
    return error.mean() if scope == 'batch' else error.mean(tuple(range(1, error.dim())), keepdim=True)
