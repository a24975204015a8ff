"""Intervals of patch information capacity and what a balanced batch holds of each (BSR, Sec. III-B and Table 1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.option import REQUIRED, Option
from bsr_plugins.common.option_kinds import whole
from bsr_plugins.data.sampling.sampling_options import FOUND_NUM_INTERVALS, FOUND_PIC_MAX

_BATCH_SIZE = Option('batch_size', whole(1), REQUIRED, 'samples of a batch')


def interval_edges(pic_max: float, num_intervals: int) -> np.ndarray:
    """Return the edges ``K = [0, k_1, ..., k_p]`` of intervals of equal width: ``k_i = pic_max * i / p``.

    Equal width, not equal mass: intervals that hold equally many random patches would leave the batch as it was.

    Args:
        pic_max: Upper edge of the last interval.
        num_intervals: p.

    Returns:
        (p + 1,) float64.

    Raises:
        OptionError: ``pic_max`` or ``num_intervals`` is out of its range.
    """
    FOUND_NUM_INTERVALS.checked(num_intervals, 'num_intervals')
    FOUND_PIC_MAX.checked(pic_max, 'pic_max')
    return np.linspace(0, float(pic_max), num_intervals + 1)


def interval_of(pic: Any, edges: np.ndarray) -> Any:
    """Return the interval of each PIC, 0 = flattest: i such that ``k_i <= pic < k_(i+1)``; all above in the last.

    Args:
        pic: A number or an array of any shape, >= 0.
        edges: (p + 1,) of :func:`interval_edges`.

    Returns:
        int64 array of the shape of ``pic``, 0..p-1; a numpy integer for a number.

    Raises:
        DataError: A PIC is negative or not a number.
    """
    pic = np.asarray(pic)
    if not (pic >= 0).all():
        raise DataError('a PIC is negative or not a number', expected='>= 0', found=pic[~(pic >= 0)].flat[0])
    return np.searchsorted(edges[1:-1], pic, side='right')


def batch_quotas(batch_size: int, num_intervals: int, random: np.random.Generator) -> np.ndarray:
    """Return how many patches of each interval a batch holds: ``N // p`` each, the remainder in different intervals.

    The intervals that hold one more are drawn at random, so that over many batches all hold alike, N / p.

    Args:
        batch_size: N.
        num_intervals: p; above N, every interval holds one patch or none.
        random: Where the draw comes from.

    Returns:
        (p,) int64 whose sum is N.

    Raises:
        OptionError: ``batch_size`` or ``num_intervals`` is no integer >= 1.
    """
    _BATCH_SIZE.checked(batch_size, 'batch_size')
    FOUND_NUM_INTERVALS.checked(num_intervals, 'num_intervals')
    quotas = np.full(num_intervals, batch_size // num_intervals, dtype=np.int64)
    quotas[random.choice(num_intervals, batch_size % num_intervals, replace=False)] += 1
    return quotas


def nearest_filled(wanted: int, available: np.ndarray, random: np.random.Generator) -> int:
    """Return the available interval nearest to ``wanted``; of two equally near one at random.

    Args:
        wanted: The interval that is asked for, 0..p-1.
        available: (p,) bool, the intervals that have patches.
        random: Where ties are broken.

    Raises:
        DataError: No interval is available.
        IndexError: ``wanted`` is no interval.
    """
    if not 0 <= wanted < len(available):
        raise IndexError(f'intervals are numbered 0..{len(available) - 1}, there is no interval {wanted}')
    filled = np.flatnonzero(available)
    if not filled.size:
        raise DataError('No interval of patch information capacity has a patch', expected='at least one', found='none')
    distance = np.abs(filled - wanted)
    nearest = filled[distance == distance.min()]
    return int(nearest[0] if nearest.size == 1 else random.choice(nearest))
