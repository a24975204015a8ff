"""What the metrics of the sigma branch share: images and sigma map, checked, cropped, as float64 in [0, 1]."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.option import OptionSet
from bsr_plugins.metrics.image_inputs import refuse_unknown, two_images, without_border
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
    refuse_unknown(options, unknown)
    options.check(crop_border=crop_border, input_order=input_order, constant_sigma=constant_sigma)
    mu, y = (image / 255 for image in two_images(metric, img, img2, input_order))
    check_has_sigma(metric, sigma is not None or constant_sigma is not None)
    if constant_sigma is None:
        spread = _checked_map(metric, sigma, mu.shape, input_order)
    else:
        spread = np.broadcast_to(float(constant_sigma), mu.shape)
    mu, y, spread = (without_border(metric, image, crop_border) for image in (mu, y, spread))
    return mu, y, spread


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
