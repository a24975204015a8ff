"""Where two super-resolutions of the same images differ most: crops that show either of them ahead."""

from __future__ import annotations

from typing import Any, List, Mapping, NamedTuple

import numpy as np

from bsr_plugins.data.sampling.class_psnr import squared_error_y

_STEP = 4


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
    differences = {}
    for name, original in hr.items():
        difference = squared_error_y(first[name], original) - squared_error_y(second[name], original)
        if min(difference.shape) >= size + 2 * border:
            differences[name] = _square_means(difference, size, border)
    crops: List[Crop] = []
    for sign, wanted in ((1, (count + 1) // 2), (-1, count // 2)):
        crops += _best(differences, sign, wanted, size, border, crops)
    return crops


def _square_means(values: np.ndarray, size: int, border: int) -> np.ndarray:
    """Return the mean of every square whose corner is a multiple of ``_STEP`` from the border, by an integral image."""
    inner = values[border : values.shape[0] - border, border : values.shape[1] - border]
    integral = np.pad(inner.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums = integral[size:, size:] - integral[:-size, size:] - integral[size:, :-size] + integral[:-size, :-size]
    return sums[::_STEP, ::_STEP] / size**2


def _best(
    differences: Mapping[str, np.ndarray], sign: int, wanted: int, size: int, border: int, taken: List[Crop]
) -> List[Crop]:
    candidates = []
    for name, means in differences.items():
        signed = sign * means
        for place in np.argsort(-signed, axis=None, kind='stable')[:2000]:
            row, column = np.unravel_index(place, means.shape)
            gain = float(means[row, column])
            if sign * gain <= 0:
                break
            candidates.append(Crop(name, int(row) * _STEP + border, int(column) * _STEP + border, size, gain))
    candidates.sort(key=lambda crop: -sign * crop.gain)
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
