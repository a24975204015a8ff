"""Passes over a set without replacement, shared out among the ranks: which item a numbered draw takes."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from bsr_plugins.common.keyed_random import keyed_generator


class Passes:
    """Item of draw n of rank r of R: place ``n R + r`` of one permutation of all items after the other.

    Args:
        length: Number of items.
        key: What the permutations depend on besides the number of the pass: the same in all ranks.
        rank: Of this process.
        num_ranks: R.
    """

    def __init__(self, length: int, *key: int, rank: int = 0, num_ranks: int = 1) -> None:
        self.length = length
        self._key = key
        self._rank, self._num_ranks = rank, num_ranks
        self._order: Tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def place(self, number: int) -> int:
        """Return the number of draw ``number`` of this rank among those of all ranks."""
        return number * self._num_ranks + self._rank

    def item(self, number: int) -> int:
        """Return the item that draw ``number`` of this rank takes."""
        number_of_pass, place = divmod(self.place(number), self.length)
        if self._order[0] != number_of_pass:
            self._order = number_of_pass, keyed_generator(number_of_pass, *self._key).permutation(self.length)
        return int(self._order[1][place])
