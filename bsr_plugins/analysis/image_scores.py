"""Super-resolved images against their originals by BasicSR's own metrics, and bicubic upscaling as a method."""

from __future__ import annotations

import math
from typing import Any, Dict

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike

#: Metric -> decimals that it is shown with.
METRICS = {'psnr_y': 2, 'ssim_y': 4, 'psnr_rgb': 2, 'ssim_rgb': 4}
#: Metric -> value of one image.
Scores = Dict[str, float]

_SSIM_WINDOW = 11


def bicubic_image(lr: Any, scale: int) -> Any:
    """Return an LR image upscaled as MATLAB's bicubic does, rounded to 8 bit: (H, W, 3) uint8."""
    import torch

    from bsr_plugins.data.images.bicubic_upscaling import upscale_bicubic

    tensor = torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255
    rounded = upscale_bicubic(tensor, scale)[0].clamp_(0, 1).mul_(255).round_()
    return rounded.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def score_image(image: Any, hr: Any, border: int, where: PathLike) -> Scores:
    """Return PSNR (dB) and SSIM of an image, on Y and on RGB, by ``calculate_psnr`` and ``calculate_ssim`` of BasicSR.

    NaN where less of the image is left than a metric needs (SSIM: 11 pixels a side).

    Args:
        image: Super-resolved image (H, W, 3), uint8, BGR.
        hr: Its original.
        border: Pixels left out along each side.
        where: File of the image, for the error.

    Raises:
        DataError: It has another size than its original.
    """
    from basicsr.metrics import calculate_psnr, calculate_ssim

    if image.shape != hr.shape:
        raise DataError(
            'A super-resolved image has another size than its original',
            where=where,
            expected=hr.shape,
            found=image.shape,
        )
    side = min(hr.shape[:2]) - 2 * border
    scores = {}
    for channels, on_y in (('y', True), ('rgb', False)):
        for name, metric, smallest in (('psnr', calculate_psnr, 1), ('ssim', calculate_ssim, _SSIM_WINDOW)):
            value = metric(image, hr, crop_border=border, test_y_channel=on_y) if side >= smallest else math.nan
            scores[f'{name}_{channels}'] = float(value)
    return scores
