"""SSIM by scikit-image, over a uniform window of 7 x 7: what FPL's published code measures and its tables hold."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from bsr_plugins.metrics.image_inputs import refuse_unknown, two_images, without_border
from bsr_plugins.metrics.metric_options import SSIM_SKIMAGE

_DEFAULTS = SSIM_SKIMAGE.defaults
_WINDOW = 7


def calculate_ssim_skimage(
    img: Optional[np.ndarray] = None,
    img2: Optional[np.ndarray] = None,
    crop_border: int = _DEFAULTS.crop_border,
    input_order: str = _DEFAULTS.input_order,
    test_y_channel: bool = _DEFAULTS.test_y_channel,
    better: Optional[str] = _DEFAULTS.better,
    img1: Optional[np.ndarray] = None,
    **unknown: Any,
) -> float:
    """Return the mean of ``skimage.metrics.structural_similarity`` over the channels, for BasicSR's validation.

    Its defaults: a uniform window of 7 x 7, sample covariance (divided by n - 1), constants .01 and .03 of a range of
    255, the mean without the 3 pixels at each edge for which the window is not whole. BasicSR's ``calculate_ssim`` has
    Wang's Gaussian window of 11 x 11, sigma 1.5, and says less of the same images.

    Departure: on Y, FPL's code hands (H, W) over as if W were channels, so that its windows are columns of 7. Here Y is
    an image. Its tables are on RGB.

    Args:
        img: Output, uint8, BGR in the order of ``input_order``; given by position in releases before 1.3.
        img2: Ground truth, likewise.
        crop_border: Pixels left out at each edge.
        input_order: ``HWC`` or ``CHW``.
        test_y_channel: Whether to measure on Y of YCbCr (BasicSR's conversion, not rounded).
        better: Read by BasicSR; has no effect here.
        img1: ``img`` under the name that releases before 1.4 (CodeFormer) give it.

    Raises:
        OptionError: An unknown or wrong option, or a border that leaves less than a window.
        DataError: Images that cannot be compared.
    """
    metric = SSIM_SKIMAGE.name
    refuse_unknown(SSIM_SKIMAGE, unknown)
    SSIM_SKIMAGE.check(crop_border=crop_border, input_order=input_order, test_y_channel=test_y_channel)
    from skimage.metrics import structural_similarity

    images = [
        without_border(metric, image, crop_border, _WINDOW)
        for image in two_images(metric, img if img1 is None else img1, img2, input_order)
    ]
    if test_y_channel:
        from basicsr.metrics.metric_util import to_y_channel

        images = [to_y_channel(image).astype(np.float64) for image in images]
    # Channel by channel: the keyword for channels is another one in older releases.
    values = [
        structural_similarity(mu, y, data_range=255, win_size=_WINDOW)
        for mu, y in zip(np.moveaxis(images[0], -1, 0), np.moveaxis(images[1], -1, 0))
    ]
    return float(np.mean(values))
