"""Where two super-resolutions of the same images differ most: crops that show either of them ahead."""

from __future__ import annotations

from typing import Any, List, Mapping, NamedTuple, Sequence

import numpy as np

from bsr_plugins.data.sampling.class_psnr import squared_error_y

_STEP = 4
_LOOKED_AT = 2000


class Crop(NamedTuple):
    """A square of an image. ``gain``: MSE (Y) there of the first method less that of the second."""

    name: str
    top: int
    left: int
    size: int
    gain: float


def differing_crops(
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    hr: Mapping[str, Any],
    size: int = 64,
    count: int = 4,
    border: int = 0,
) -> List[Crop]:
    """Return the squares with the largest difference of squared error.

    Half of them where ``second`` is ahead, then half where ``first`` is, so that neither is picked to look good.

    No image is shown twice while there are others; a side that is ahead nowhere gives none.

    Args:
        first: Name -> super-resolved image (H, W, 3), uint8, BGR.
        second: The same of another method.
        hr: The originals.
        size: Side of a square in pixels.
        count: Squares in all.
        border: Pixels along each side of an image that are left out.
    """
    candidates: List[Crop] = []
    for name, original in hr.items():
        gain = squared_error_y(first[name], original) - squared_error_y(second[name], original)
        candidates += crop_candidates(name, gain, size, border)
    return choose_crops(candidates, count)


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
    """Return ``count`` squares of many images' candidates, see :func:`differing_crops`."""
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
