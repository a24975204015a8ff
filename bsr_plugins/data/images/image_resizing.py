"""Images made smaller as the published data were: MATLAB's antialiased bicubic, rounded to 8 bit, alike everywhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Tuple

if TYPE_CHECKING:
    import numpy as np

# Far above the noise of float64 (1e-13), far below the steps of the exact values (2^-16 at x2, 162^-2 at x3).
_TIE = 1e-9


def crop_to_multiple(image: Any, multiple: int) -> Any:
    """Return a view (top-left kept) of an (H, W, C) array whose sides are multiples of ``multiple``."""
    height, width = image.shape[:2]
    return image[: height - height % multiple, : width - width % multiple]


def shrink(image: Any, factor: float) -> Any:
    """Return a uint8 image (H, W, C) resized by ``factor`` < 1, sides rounded up, as MATLAB's ``imresize`` does.

    Each output pixel is the sum of its neighbours, weighted by the cubic kernel (a = -0.5) stretched by 1 / factor;
    borders are mirrored. ClassSR's pyramid and the bicubic LR images are made so. It is computed in float64 on the grey
    levels 0 to 255, rows first, and rounded once at the end: to the nearest level, ties (values within 1e-9 of one)
    away from zero, as MATLAB rounds. At x2 and x4 the weights are multiples of a power of two and every sum is exact;
    at other factors the noise of the sums is far below 1e-9. So the image does not depend on the order in which a
    processor or a BLAS adds.

    BasicSR's ``imresize`` computes the same in float32 on [0, 1]. At x2 one value in about 80,000 lies so near a tie
    that float32 rounds it to the other level.
    """
    import numpy as np

    rows = _resized_first_side(image, factor)
    columns = _resized_first_side(np.ascontiguousarray(rows.transpose(1, 0, 2)), factor)
    return np.floor(columns.transpose(1, 0, 2).clip(0.0, 255.0) + (0.5 + _TIE)).astype(np.uint8)


def _resized_first_side(image: np.ndarray, factor: float) -> np.ndarray:
    """Return (ceil(factor * N), M, C), float64, of an (N, M, C) array."""
    import numpy as np

    weights, first = _filters(image.shape[0], factor)
    taps = weights.shape[1]
    before, after = max(0, -int(first[0])), max(0, int(first[-1]) + taps - image.shape[0])
    padded = np.pad(image, ((before, after), (0, 0), (0, 0)), mode='symmetric').reshape(-1, image[0].size)
    result = np.empty((len(first), padded.shape[1]))
    for row, start in enumerate((first + before).tolist()):
        np.dot(weights[row], padded[start : start + taps].astype(np.float64, copy=False), out=result[row])
    return result.reshape(-1, *image.shape[1:])


def _filters(length: int, factor: float) -> Tuple[np.ndarray, np.ndarray]:
    """Return the weights (outputs, taps) of each output pixel and the first input pixel (from 0) that they are for."""
    import numpy as np

    stretch = 1 / factor
    centre = (np.arange(math.ceil(length * factor)) + 0.5) * stretch - 0.5
    first = np.floor(centre - 2 * stretch).astype(np.int64)
    distance = centre[:, None] - first[:, None] - np.arange(math.ceil(4 * stretch) + 2)
    weights = _cubic(distance * factor)
    used = np.flatnonzero(weights.any(axis=0))
    weights = weights[:, used[0] : used[-1] + 1]
    return weights / weights.sum(axis=1, keepdims=True), first + used[0]


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -0.5, 0 from 2 on."""
    x = abs(x).clip(max=2.0)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return near * (x <= 1) + far * (x > 1)
