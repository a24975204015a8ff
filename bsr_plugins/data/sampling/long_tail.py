"""Difficulty classes of a long-tailed training set and their sampling probabilities (BSPA, Eq. 2 to 4)."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Sequence, Union

import numpy as np

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.sampling.sampling_options import IMBALANCE_FACTOR, NUM_CLASSES

Numbers = Union[Sequence[float], np.ndarray]


class ClassAssignment(NamedTuple):
    """What ``rank_into_classes`` found.

    ``class_index`` (N,) int64, 0 = easiest; ``thresholds`` (K,) float64, t_k of Eq. 3: the largest MSE in class k.
    """

    class_index: np.ndarray
    thresholds: np.ndarray


def attenuation_factor(num_classes: int, imbalance_factor: float) -> float:
    """Return mu of Eq. 2 such that N_1 / N_K = IF: ``mu = IF ** (-1 / (K - 1))``, and 1 for a single class.

    Raises:
        OptionError: An option is out of its range.
    """
    NUM_CLASSES.checked(num_classes, 'num_classes')
    IMBALANCE_FACTOR.checked(imbalance_factor, 'imbalance_factor')
    if num_classes == 1:
        return 1.0
    return float(imbalance_factor) ** (-1.0 / (num_classes - 1))


def class_counts(
    num_items: int, num_classes: int = NUM_CLASSES.default, imbalance_factor: float = IMBALANCE_FACTOR.default
) -> np.ndarray:
    """Return how many items each class holds (Eq. 2, normalised): ``N_k = N * mu^(k-1) / sum_j mu^(j-1)``.

    Departure from the paper: Eq. 2 as printed, ``N * mu^k``, sums to 3.16 N for 10 classes, hence the normalisation.
    The *edges* between classes are rounded, not the counts, so that the counts sum exactly to ``num_items``.

    Args:
        num_items: N, the number of sub-images.
        num_classes: K.
        imbalance_factor: IF = N_1 / N_K.

    Returns:
        (K,) int64, the easiest and largest class first, every class >= 1.

    Raises:
        OptionError: The policy is out of range, or leaves a class empty; the remedy names a policy that does not.
    """
    NUM_CLASSES.checked(num_classes, 'num_classes')
    # With more classes than sub-images the last one is empty, and there may be too many to count.
    counts = _rounded_counts(num_items, num_classes, imbalance_factor) if num_classes <= num_items else None
    if counts is None or not counts.all():
        empty = num_classes - 1 if counts is None else np.flatnonzero(counts == 0)[0]
        raise OptionError(
            f'class {empty} (0 = easiest) of the difficulty classes would be empty',
            where='imbalance_factor' if num_classes <= num_items else 'num_classes',
            expected='at least one sub-image in each class',
            found=f'{num_items} sub-images for {num_classes} classes with an imbalance factor of {imbalance_factor}',
            remedy=_remedy(num_items, num_classes, imbalance_factor),
        )
    return counts


def class_probabilities(counts: Numbers) -> np.ndarray:
    """Return the probability of each class under inverse sampling (Eq. 4): ``P_k = (1 / N_k) / sum_j (1 / N_j)``.

    Args:
        counts: (K,) N_k, all >= 1.

    Returns:
        (K,) float64 that sums to 1.

    Raises:
        OptionError: A class is empty.
    """
    sizes = np.asarray(counts, dtype=np.float64)
    if sizes.ndim != 1 or sizes.size == 0 or not (sizes >= 1).all():
        raise OptionError(
            'inverse sampling is not defined for an empty class',
            expected='every N_k >= 1',
            found=sizes.tolist(),
            remedy='use fewer classes or a smaller imbalance_factor',
        )
    inverse = 1.0 / sizes
    return inverse / inverse.sum()


def difficulty_order(keys: Union[Sequence[Any], np.ndarray], mse: Numbers) -> np.ndarray:
    """Return the indices that sort the items by ascending MSE, equal values by key: (N,) int64.

    Raises:
        DataError: An MSE is negative or not finite, or the lengths differ.
    """
    values = np.asarray(mse, dtype=np.float64)
    key_array = np.asarray(keys)
    if values.shape != key_array.shape or values.ndim != 1:
        raise DataError(
            'as many difficulties as keys are needed',
            expected=f'{key_array.size} values',
            found=f'{values.size} values',
            remedy='score the sub-images again',
        )
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if bad.size:
        raise DataError(
            f"the difficulty of '{key_array[bad[0]]}' is no MSE",
            expected='a finite number >= 0',
            found=values[bad[0]],
            remedy='score the sub-images again',
        )
    if (key_array[1:] > key_array[:-1]).all():
        return np.argsort(values, kind='stable')  # the same, in a third of the time
    return np.lexsort((key_array, values))


def rank_into_classes(keys: Union[Sequence[Any], np.ndarray], mse: Numbers, counts: Numbers) -> ClassAssignment:
    """Give each item its class by rank: the ``counts[0]`` smallest MSE are class 0, and so on (Sec. 3.2).

    Args:
        keys: (N,) names; equal MSE are ranked by name, so that the classes do not depend on the order of the items.
        mse: (N,) reconstruction error of each item.
        counts: (K,) N_k, summing to N (``class_counts``).

    Returns:
        The class of each item in the given order, and t_k = t[N_{1:k}] (Eq. 3), the largest MSE in each class.

    Raises:
        DataError: Lengths differ or an MSE is not finite.
    """
    sizes = np.asarray(counts, dtype=np.int64)
    order = difficulty_order(keys, mse)
    if int(sizes.sum()) != order.size:
        raise DataError(
            'the class counts do not sum to the number of items',
            expected=order.size,
            found=int(sizes.sum()),
            remedy='derive the counts from this data set by class_counts',
        )
    class_index = np.empty(order.size, dtype=np.int64)
    class_index[order] = np.repeat(np.arange(sizes.size), sizes)
    last_of_class = np.cumsum(sizes) - 1
    return ClassAssignment(class_index, np.asarray(mse, dtype=np.float64)[order][last_of_class])


def classify_by_thresholds(mse: Numbers, thresholds: Numbers) -> np.ndarray:
    """Return the class of *other* data (a validation set) by the training set's thresholds: smallest k, MSE <= t_k.

    What is harder than anything in the training set falls into the hardest class. Of training items whose MSE equals a
    threshold exactly, all fall into the easier class here, while ``rank_into_classes`` splits them by key.

    Args:
        mse: (M,) reconstruction errors.
        thresholds: (K,) t_k, ascending.

    Returns:
        (M,) int64 in 0..K-1.
    """
    edges = np.asarray(thresholds, dtype=np.float64)
    return np.searchsorted(edges[:-1], np.asarray(mse, dtype=np.float64), side='left').astype(np.int64)


def _rounded_counts(num_items: int, num_classes: int, imbalance_factor: float) -> np.ndarray:
    mu = attenuation_factor(num_classes, imbalance_factor)
    shares = mu ** np.arange(num_classes, dtype=np.float64)
    edges = np.floor(num_items * np.cumsum(shares) / shares.sum() + 0.5).astype(np.int64)
    edges[-1] = num_items
    return np.diff(edges, prepend=0)


def _remedy(num_items: int, num_classes: int, imbalance_factor: float) -> str:
    ways = []
    if num_items:
        ways.append(f'num_classes: {_most_classes(num_items, num_classes, imbalance_factor)}')
    flatter = _largest_imbalance_factor(num_items, num_classes)
    if flatter is not None:
        ways.append(f'imbalance_factor: {flatter}')
    return f'set {" or ".join(ways)}, or make more sub-images' if ways else 'make sub-images first: there are none'


def _most_classes(num_items: int, num_classes: int, imbalance_factor: float) -> int:
    """A number of classes below the given one that leaves none empty, by bisection between 1 and too many."""
    fits, too_many = 1, min(num_classes, num_items + 1)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if _rounded_counts(num_items, middle, imbalance_factor).all():
            fits = middle
        else:
            too_many = middle
    return fits


def _largest_imbalance_factor(num_items: int, num_classes: int) -> Optional[int]:
    """The largest whole imbalance factor that leaves no class empty, by bisection; None where K > N."""
    if num_classes > num_items:
        return None
    fits, too_large = 1, 2
    while _rounded_counts(num_items, num_classes, too_large).all() and too_large < 2**40:
        fits, too_large = too_large, too_large * 2
    while too_large - fits > 1:
        middle = (fits + too_large) // 2
        if _rounded_counts(num_items, num_classes, middle).all():
            fits = middle
        else:
            too_large = middle
    return fits
