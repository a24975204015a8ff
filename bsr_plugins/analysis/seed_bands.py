"""Curves of several seeds as one: their mean and range wherever all of them have a value."""

from __future__ import annotations

from typing import List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np


class SeedBand(NamedTuple):
    """``iterations`` (N,), and mean, minimum and maximum over the seeds there, (N,) each."""

    iterations: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def seed_band(curves: Sequence[Mapping[int, float]], width: int = 1) -> SeedBand:
    """Return the band of the curves of several seeds.

    Args:
        curves: Iteration -> value, one a seed; where one of them has no value, the band has none.
        width: Each curve is first averaged over so many of its neighbours, which stay out of the range.
    """
    shared = sorted(set.intersection(*map(set, curves))) if curves else []
    values = np.array([[curve[iteration] for iteration in shared] for curve in curves], dtype=np.float64)
    smooth = np.array([running_mean(row, width) for row in values]).reshape(len(curves), len(shared))
    if not shared:
        return SeedBand(*(np.empty(0) for _ in range(4)))
    return SeedBand(np.array(shared), smooth.mean(0), smooth.min(0), smooth.max(0))


def running_mean(values: np.ndarray, width: int = 9) -> np.ndarray:
    """Return the centred mean over ``width`` neighbours, over fewer at both ends."""
    # A difference of two sums would not be the value itself.
    if values.size == 0 or width == 1:
        return values
    half = width // 2
    total = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(values.size)
    low, high = np.maximum(places - half, 0), np.minimum(places + half + 1, values.size)
    return (total[high] - total[low]) / (high - low)


def stages(spans: Sequence[Sequence[Tuple[int, int]]]) -> List[Tuple[int, int]]:
    """Return the stretches that all seeds of a method share; [] where they differ."""
    return list(spans[0]) if spans and all(list(each) == list(spans[0]) for each in spans) else []
