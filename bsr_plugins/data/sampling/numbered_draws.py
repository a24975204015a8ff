"""What the data sets share that take a number for a draw: which numbers there are, where a crop lies, an epoch."""

from __future__ import annotations

import operator
from typing import Any, Dict, Iterator, NamedTuple


class Place(NamedTuple):
    """The image of a draw, and the first pixel of its crop in the LR image."""

    image: int
    top: int
    left: int


def draw_number(number: int) -> int:
    """Return ``number`` as an int.

    Raises:
        TypeError: It is no integer.
        IndexError: It is negative.
    """
    number = int(operator.index(number))
    if number < 0:
        raise IndexError(f'draws are numbered from 0, there is no draw {number}')
    return number


class NumberedDraws:
    """A data set whose ``dataset[i]`` is draw number i, any integer >= 0; its length is that of an epoch alone."""

    draws_by_number = True

    def __iter__(self: Any) -> Iterator[Dict[str, Any]]:
        """The draws of one epoch; without this Python would go through ``self[0], self[1], ...`` for ever."""
        return (self[number] for number in range(len(self)))
