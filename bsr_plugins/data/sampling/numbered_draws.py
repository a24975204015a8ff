"""What the data sets share that take a number for a draw: which numbers there are, and where a crop lies."""

from __future__ import annotations

import operator
from typing import NamedTuple


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
