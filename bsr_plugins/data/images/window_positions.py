"""Where windows start along a side, and which one a number means: the arithmetic of one image's grid."""

from __future__ import annotations

from typing import List, Optional, Tuple


def positions(length: int, crop: int, step: int, threshold: int) -> List[int]:
    """Return where windows start along a side of ``length`` pixels.

    0, step, 2 * step, ... <= length - crop; if the pixels left uncovered at the end are more than ``threshold``, one
    more window ends flush with the side. [] where the side is shorter than the window.
    """
    if length < crop:
        return []
    starts = list(range(0, length - crop + 1, step))
    if length - (starts[-1] + crop) > threshold:
        starts.append(length - crop)
    return starts


def place_of(number: int, height: int, width: int, grid: Tuple[int, int, int]) -> Optional[Tuple[int, int]]:
    """Return (top, left) of window ``number``, from 1, row by row; None where the image has no such window.

    Args:
        number: Of the window.
        height: Of the image.
        width: Of the image.
        grid: Crop, step and threshold, in pixels of the image.
    """
    tops, lefts = positions(height, *grid), positions(width, *grid)
    if not 1 <= number <= len(tops) * len(lefts):
        return None
    row, column = divmod(number - 1, len(lefts))
    return tops[row], lefts[column]
