"""Flat indices of a dense tensor in the order of its memory, whatever its memory format (channels_last ...)."""

from __future__ import annotations

from typing import Sequence, Tuple

import torch
from torch import Tensor


def memory_order(data: Tensor) -> Tuple[int, ...]:
    """Return the dimensions from the slowest to the fastest in memory; (0, 1, 2, ...) for a contiguous tensor."""
    if data.is_contiguous():
        return tuple(range(data.dim()))
    return tuple(sorted(range(data.dim()), key=lambda d: (-data.stride()[d], d)))


def flat_view(data: Tensor) -> Tensor:
    """Return the tensor as 1-D in its memory order, sharing its storage.

    Raises:
        RuntimeError: The entries do not lie at even distances (a slice with gaps).
    """
    return data.permute(memory_order(data)).view(-1)


def reorder_indices(index: Tensor, shape: Sequence[int], old: Sequence[int], new: Sequence[int]) -> Tensor:
    """Translate flat indices from one order of the dimensions to another.

    Args:
        index: Flat indices, 1-D, any integer type; the result has the same.
        shape: Shape of the tensor they point into.
        old: Order of the dimensions that the indices follow, slowest first (:func:`memory_order`).
        new: Order to translate to.
    """
    if tuple(old) == tuple(new):
        return index
    places = {}
    rest = index
    for dim in reversed(old):
        places[dim] = rest % shape[dim]
        rest = torch.div(rest, shape[dim], rounding_mode='floor')
    result = torch.zeros_like(index)
    for dim in new:
        result = result * shape[dim] + places[dim]
    return result
