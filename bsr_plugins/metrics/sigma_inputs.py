"""What the metrics of the sigma branch share: images and sigma map, checked, cropped, as float64 in [0, 1]."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.common.option import OptionSet
from bsr_plugins.metrics.metric_options import check_has_sigma


def sigma_inputs(
    options: OptionSet,
    img: Optional[np.ndarray],
    img2: Optional[np.ndarray],
    sigma: Optional[np.ndarray],
    crop_border: int,
    input_order: str,
    constant_sigma: Optional[float],
    unknown: Dict[str, Any],
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mu, y and sigma as float64 arrays of shape (H, W, C), in [0, 1], without the border.

    Args:
        options: The options of the metric.
        img: mu, the output as BasicSR hands it to metrics: uint8.
        img2: y, the ground truth: uint8.
        sigma: The sigma map in [0, 1], its channels in the order of the images', or one for all.
        crop_border: Pixels left out at each edge.
        input_order: ``HWC`` or ``CHW``, for all three.
        constant_sigma: Evaluated everywhere instead of the map, where given.
        unknown: Keywords that the metric does not know.

    Raises:
        OptionError: An unknown option or order, a border that leaves nothing, a ``constant_sigma`` outside (0, 1], or
            neither it nor a sigma map.
        DataError: An image is missing, is not uint8, or differs from the other in shape; a sigma map that does not fit
            them, or has values outside [0, 1].
    """
    metric = options.name
    for key in unknown:
        raise OptionError(
            f'{metric} has no option {key}',
            where=f'val.metrics: {metric}',
            expected=', '.join(options.names),
            found=f'{key}: {unknown[key]!r}',
            remedy=did_you_mean(key, options.names),
        )
    options.check(crop_border=crop_border, input_order=input_order, constant_sigma=constant_sigma)
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

    mu, y = (reorder_image(image, input_order).astype(np.float64) / 255 for image in (img, img2))
    check_has_sigma(metric, sigma is not None or constant_sigma is not None)
    if constant_sigma is None:
        spread = _checked_map(metric, sigma, mu.shape, input_order)
    else:
        spread = np.broadcast_to(float(constant_sigma), mu.shape)
    if 2 * crop_border >= min(mu.shape[:2]):
        raise OptionError(
            f'{metric} has nothing left to compare',
            where=f'val.metrics: {metric}: crop_border',
            expected=f'less than half of {min(mu.shape[:2])}, the shorter side',
            found=crop_border,
        )
    crop = slice(crop_border, -crop_border or None)
    return mu[crop, crop], y[crop, crop], spread[crop, crop]


def _checked_map(metric: str, sigma: Optional[np.ndarray], shape: Tuple[int, ...], input_order: str) -> np.ndarray:
    from basicsr.metrics.metric_util import reorder_image

    spread = reorder_image(np.asarray(sigma), input_order).astype(np.float64)
    if spread.shape not in (shape, (*shape[:2], 1)):
        raise DataError(
            f'{metric}: the sigma map does not fit the image',
            expected=f'{shape}, or one channel',
            found=spread.shape,
        )
    low, high = spread.min(), spread.max()
    # Written so that NaN fails.
    if not (low >= 0 and high <= 1):
        raise DataError(
            f'{metric}: the sigma map is out of its range',
            expected='values in [0, 1], as of an image in [0, 1]',
            found=f'{low} to {high}',
        )
    return np.broadcast_to(spread, shape)
