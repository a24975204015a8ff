"""What metrics share: refusing options that they do not have, and the two images, checked, as float64."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.common.option import OptionSet


def refuse_unknown(options: OptionSet, unknown: Dict[str, Any]) -> None:
    """Raise OptionError for the first keyword that the metric does not know."""
    for key in unknown:
        raise OptionError(
            f'{options.name} has no option {key}',
            where=f'val.metrics: {options.name}',
            expected=', '.join(options.names),
            found=f'{key}: {unknown[key]!r}',
            remedy=did_you_mean(key, options.names),
        )


def two_images(
    metric: str, img: Optional[np.ndarray], img2: Optional[np.ndarray], input_order: str
) -> Tuple[np.ndarray, np.ndarray]:
    """Return output and ground truth as float64 (H, W, C) in [0, 255].

    Raises:
        DataError: An image is missing, is not uint8, or differs from the other in shape.
    """
    if img is None or img2 is None:
        raise DataError(
            f'{metric} needs two images',
            expected='img (or img1) and img2',
            found='no img2' if img2 is None else 'no img',
        )
    if img.dtype != np.uint8 or img2.dtype != np.uint8 or img.shape != img2.shape:
        raise DataError(
            f'{metric} cannot compare these images',
            expected='two of uint8 and of one shape',
            found=f'{img.dtype} {img.shape} and {img2.dtype} {img2.shape}',
        )
    from basicsr.metrics.metric_util import reorder_image

    first, second = (reorder_image(image, input_order).astype(np.float64) for image in (img, img2))
    return first, second


def without_border(metric: str, image: np.ndarray, crop_border: int, smallest: int = 1) -> np.ndarray:
    """Return ``image`` (H, W, C) without ``crop_border`` pixels at each edge.

    Raises:
        OptionError: Fewer than ``smallest`` pixels of a side are left.
    """
    side = min(image.shape[:2])
    if side - 2 * crop_border < smallest:
        raise OptionError(
            f'{metric} has nothing left to compare',
            where=f'val.metrics: {metric}: crop_border',
            expected=f'less than half of {side}, the shorter side'
            + (f', with {smallest} pixels left' if smallest > 1 else ''),
            found=crop_border,
        )
    crop = slice(crop_border, -crop_border or None)
    return image[crop, crop]
