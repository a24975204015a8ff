"""Two ascending lists of keys compared in one pass: what stands in both, and what in one alone."""

from __future__ import annotations

from typing import Dict, Iterator, NamedTuple, Sequence, Tuple

import numpy as np

from bsr_plugins.data.images.image_folders import Names
from bsr_plugins.data.images.key_blocks import KeyBlock, NotAscendingError


class Comparison(NamedTuple):
    """What two lists hold.

    Attributes:
        both: The keys that stand in both.
        alone: Those of the first list alone, and of the second.
        lines: Of each wanted key of ``both``, by its number there, the line of the first list and of the second.
    """

    both: Names
    alone: Tuple[Names, Names]
    lines: Dict[int, Tuple[str, str]]


class Cursor:
    """A place in a list of keys that is read block by block, each key greater than the one before it."""

    def __init__(self, blocks: Iterator[KeyBlock]) -> None:
        self._blocks = blocks
        self._block = KeyBlock(np.empty(0, 'S1'), str, None)
        self._start = 0
        self._last = b''
        self._is_first = True
        self.ended = False
        self._advance()

    @property
    def keys(self) -> np.ndarray:
        """The keys that are at hand from this place on; none where the list ends."""
        return self._block.keys[self._start :]

    def line(self, index: int) -> str:
        """Return the line of ``keys[index]``."""
        return self._block.lines(self._start + index)

    def pass_over(self, count: int) -> None:
        """Go on by ``count`` of :attr:`keys`.

        Raises:
            NotAscendingError: The keys that follow are not in ascending order.
        """
        self._start += count
        self._advance()

    def take(self, count: int) -> np.ndarray:
        """Return the next ``count`` keys, fewer where the list ends, and go on behind them."""
        parts = []
        while count and len(self.keys):
            parts.append(self.keys[:count])
            count -= len(parts[-1])
            self.pass_over(len(parts[-1]))
        return np.concatenate(parts) if parts else self.keys

    def _advance(self) -> None:
        while self._start == len(self._block.keys) and not self.ended:
            block = next(self._blocks, None)
            self.ended = block is None
            if block is None:
                return
            keys = block.keys
            if not len(keys):
                continue
            if not (keys[1:] > keys[:-1]).all() or not (self._is_first or keys[0] > self._last):
                raise NotAscendingError
            self._block, self._start, self._last, self._is_first = block, 0, keys[-1], False


def compare_keys(first: Iterator[KeyBlock], second: Iterator[KeyBlock], wanted: Sequence[int] = ()) -> Comparison:
    """Compare two lists.

    Args:
        first: The one list.
        second: The other.
        wanted: Numbers, ascending, of the keys of both whose lines are kept.

    Raises:
        NotAscendingError: A list is not in ascending order.
        DataError: See :func:`bsr_plugins.data.images.key_blocks.key_blocks`.
    """
    one, other = Cursor(first), Cursor(second)
    both, alone, lines = Names(), (Names(), Names()), {}
    numbers = np.asarray(wanted, np.int64)
    while len(one.keys) and len(other.keys):
        left, right = one.keys, other.keys
        limit = min(left[-1], right[-1])
        left, right = (keys[: np.searchsorted(keys, limit, 'right')] for keys in (left, right))
        if len(left) == len(right) and (left == right).all():
            at_left = at_right = np.arange(len(left))
        else:
            place = np.searchsorted(right, left)
            in_both = place < len(right)
            in_both[in_both] = right[place[in_both]] == left[in_both]
            at_left, at_right = np.flatnonzero(in_both), place[in_both]
            alone[0].add(np.delete(left, at_left))
            alone[1].add(np.delete(right, at_right))
        begin = np.searchsorted(numbers, both.count)
        for number in numbers[begin : np.searchsorted(numbers, both.count + len(at_left))]:
            index = number - both.count
            lines[int(number)] = (one.line(at_left[index]), other.line(at_right[index]))
        both.add(left[at_left])
        one.pass_over(len(left))
        other.pass_over(len(right))
    for cursor, names in zip((one, other), alone):
        while len(cursor.keys):
            names.add(cursor.keys)
            cursor.pass_over(len(cursor.keys))
    return Comparison(both, alone, lines)
