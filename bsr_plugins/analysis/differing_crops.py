"""Where two super-resolutions of the same images differ most: crops that show either of them ahead."""

from __future__ import annotations

from typing import List, NamedTuple, Sequence

import numpy as np

_STEP = 4
_LOOKED_AT = 2000


class Crop(NamedTuple):
    """A square of an image. ``gain``: MSE (Y) there of the first method less that of the second."""

    name: str
    top: int
    left: int
    size: int
    gain: float


def crop_candidates(name: str, gain: np.ndarray, size: int, border: int = 0, most: int = 50) -> List[Crop]:
    """Return the squares of one image that are worth showing: the best of both signs, the strongest first.

    Args:
        name: Name of the image.
        gain: (H, W) squared error of the first method less that of the second.
        size: Side of a square.
        border: Pixels along each side of the image that are left out.
        most: Squares of each sign. Of those that overlap only the first is kept.
    """
    if min(gain.shape) < size + 2 * border:
        return []
    means = _square_means(gain, size, border)
    found: List[Crop] = []
    for sign in (1, -1):
        kept: List[Crop] = []
        for place in np.argsort(-sign * means, axis=None, kind='stable')[:_LOOKED_AT]:
            row, column = np.unravel_index(place, means.shape)
            value = float(means[row, column])
            if sign * value <= 0 or len(kept) == most:
                break
            crop = Crop(name, int(row) * _STEP + border, int(column) * _STEP + border, size, value)
            if not any(_overlap(crop, other) for other in kept):
                kept.append(crop)
        found += kept
    return sorted(found, key=lambda crop: -abs(crop.gain))


def choose_crops(candidates: Sequence[Crop], count: int) -> List[Crop]:
    """Return the ``count`` squares with the largest difference of squared error, of many images' candidates.

    Half of them where the second method is ahead, then half where the first is, so that neither is picked to look good.
    No image is shown twice while there are others; a side that is ahead nowhere gives none.
    """
    chosen: List[Crop] = []
    for sign, wanted in ((1, (count + 1) // 2), (-1, count // 2)):
        ordered = sorted((crop for crop in candidates if sign * crop.gain > 0), key=lambda crop: -abs(crop.gain))
        chosen += _best(ordered, wanted, chosen)
    return chosen


def _square_means(values: np.ndarray, size: int, border: int) -> np.ndarray:
    """Return the mean of every square whose corner is a multiple of ``_STEP`` from the border, by an integral image."""
    inner = values[border : values.shape[0] - border, border : values.shape[1] - border]
    integral = np.pad(inner.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums = integral[size:, size:] - integral[:-size, size:] - integral[size:, :-size] + integral[:-size, :-size]
    return sums[::_STEP, ::_STEP] / size**2


def _best(candidates: Sequence[Crop], wanted: int, taken: Sequence[Crop]) -> List[Crop]:
    chosen: List[Crop] = []
    for again in (False, True):
        for crop in candidates:
            if len(chosen) == wanted:
                return chosen
            shown = any(crop.name == other.name for other in [*taken, *chosen])
            if (again or not shown) and not any(_overlap(crop, other) for other in [*taken, *chosen]):
                chosen.append(crop)
    return chosen


def _overlap(one: Crop, other: Crop) -> bool:
    return one.name == other.name and abs(one.top - other.top) < one.size and abs(one.left - other.left) < one.size
