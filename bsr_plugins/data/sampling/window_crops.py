"""Crops of whole images put together from the windows that the images were cut into: pure arithmetic of one side.

Images are drawn alike and the positions in an image alike, as from the whole image; only then the windows are looked up
that hold the crop. How many windows an image has, and how they overlap, is of no account.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import List, NamedTuple, Sequence


class Piece(NamedTuple):
    """A part of a crop along one side: ``length`` pixels from ``offset`` on of window ``window``, from 0."""

    window: int
    offset: int
    length: int


def covered(starts: Sequence[int], side: int) -> int:
    """Return how many pixels along a side lie in windows without a gap, from the first pixel on.

    Args:
        starts: First pixel of each window, ascending, from 0.
        side: Side of the windows.
    """
    end = 0
    for start in starts:
        if start > end:
            break
        end = start + side
    return end


def position_count(length: int, crop: int, scale: int) -> int:
    """Return how many positions a crop of ``crop`` pixels has along ``length`` ones: those on whole LR pixels."""
    return max(0, (length - crop) // scale + 1)


def pieces(start: int, crop: int, starts: Sequence[int], side: int) -> List[Piece]:
    """Return what makes up the pixels ``start`` to ``start + crop``: one window where one holds them all, else several.

    Args:
        start: First pixel of the crop.
        crop: Its length; all of it lies in the ``covered`` pixels.
        starts: First pixel of each window, ascending.
        side: Side of the windows.
    """
    found, at, end = [], start, start + crop
    while at < end:
        # The last window to begin at or before a pixel reaches furthest.
        window = bisect_right(starts, at) - 1
        length = min(end, starts[window] + side) - at
        found.append(Piece(window, at - starts[window], length))
        at += length
    return found
