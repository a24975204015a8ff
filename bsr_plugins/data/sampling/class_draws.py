"""Numbered draws from difficulty classes: which class and which member draw number i takes (BSPA, Sec. 3.2)."""

from __future__ import annotations

from bisect import bisect_right
from typing import List, NamedTuple

import numpy as np

from bsr_plugins.common.keyed_random import HashedNumbers
from bsr_plugins.data.sampling.long_tail import class_probabilities
from bsr_plugins.data.sampling.numbered_draws import draw_number
from bsr_plugins.data.sampling.sampling_options import SAMPLING

# Tells these draws from others keyed by the same seed and number.
_STREAM = 1


class Draw(NamedTuple):
    """One draw: the class (0 = easiest) and the item, as its index in the order of ``class_index``."""

    class_index: int
    member: int


class ClassDraws:
    """Draws with replacement as a pure function of (seed, draw number).

    ``inverse`` takes class k with ``P_k = (1 / N_k) / sum_j (1 / N_j)`` (Eq. 4), then a member of it uniformly;
    ``uniform`` takes every item alike (Eq. 1), hence class k with ``N_k / N``.

    Args:
        class_index: (N,) class of each item, 0..K-1, none of the K empty.
        sampling: ``inverse`` or ``uniform``.
        seed: What the draws depend on besides their number.

    Attributes:
        probabilities: (K,) the probability of each class.

    Raises:
        OptionError: ``sampling`` is unknown or a class is empty.
    """

    def __init__(self, class_index: np.ndarray, sampling: str, seed: int) -> None:
        # Flat arrays, not lists: worker processes share their pages, while counting references would copy them.
        members = np.argsort(class_index, kind='stable').astype(np.int32)
        self._set(members, np.bincount(class_index), sampling, seed)

    @classmethod
    def of_sorted(cls, members: np.ndarray, counts: np.ndarray, sampling: str, seed: int) -> ClassDraws:
        """Return the draws from items that are sorted by class: ``members`` (N,), the ``counts`` (K,) of each class."""
        draws = cls.__new__(cls)
        draws._set(members, counts, sampling, seed)
        return draws

    def _set(self, members: np.ndarray, counts: np.ndarray, sampling: str, seed: int) -> None:
        SAMPLING.checked(sampling, 'sampling')
        self.seed = seed
        self.probabilities = class_probabilities(counts) if sampling == 'inverse' else counts / counts.sum()
        self._members = members
        self._first: List[int] = [0, *np.cumsum(counts).tolist()]
        self._upper_edges: List[float] = np.cumsum(self.probabilities).tolist()
        self._upper_edges[-1] = 1.0

    def draw(self, number: int) -> Draw:
        """Return draw ``number``.

        Raises:
            TypeError: ``number`` is no integer.
            IndexError: ``number`` is negative.
        """
        number = draw_number(number)
        numbers = HashedNumbers(self.seed, number, _STREAM)
        k = bisect_right(self._upper_edges, numbers.unit())
        first = self._first[k]
        return Draw(k, int(self._members[first + numbers.below(self._first[k + 1] - first)]))
