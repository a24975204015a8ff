"""Super-resolved images against their originals by BasicSR's own metrics, and bicubic upscaling as a method."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.image_reading import read_image

#: Metric -> decimals that it is shown with.
METRICS = {'psnr_y': 2, 'ssim_y': 4, 'psnr_rgb': 2, 'ssim_rgb': 4}
#: Metric -> value of one image.
Scores = Dict[str, float]


_SSIM_WINDOW = 11


class ImageScore(NamedTuple):
    """PSNR (dB) and SSIM on the Y channel, the border cropped."""

    psnr: float
    ssim: float


def image_names(folder: PathLike) -> List[str]:
    """Return the stems of the PNGs in a folder, sorted.

    Raises:
        DataError: There is none.
    """
    names = sorted(path.stem for path in Path(folder).glob('*.png'))
    if not names:
        raise DataError('No PNG image in the folder', where=folder)
    return names


def read_images(folder: PathLike, names: Sequence[str], suffix: str = '') -> Dict[str, Any]:
    """Return name -> (H, W, 3) uint8 BGR of ``<folder>/<name><suffix>.png``.

    Raises:
        DataError: One is missing or damaged.
    """
    return {name: read_image(Path(folder) / f'{name}{suffix}.png') for name in names}


def bicubic_images(lr: Mapping[str, Any], scale: int) -> Dict[str, Any]:
    """Return each LR image upscaled as MATLAB's bicubic does, rounded to 8 bit: (H, W, 3) uint8."""
    return {name: bicubic_image(image, scale) for name, image in lr.items()}


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


def score_images(images: Mapping[str, Any], hr: Mapping[str, Any], border: int) -> Dict[str, ImageScore]:
    """Return the scores of each image by ``calculate_psnr`` and ``calculate_ssim`` with ``test_y_channel``.

    Raises:
        DataError: An image has another size than its original.
    """
    from basicsr.metrics import calculate_psnr, calculate_ssim

    scores = {}
    for name, original in hr.items():
        if images[name].shape != original.shape:
            raise DataError(
                'A super-resolved image has another size than its original',
                where=name,
                expected=original.shape,
                found=images[name].shape,
            )
        pair = (images[name], original)
        scores[name] = ImageScore(
            float(calculate_psnr(*pair, crop_border=border, test_y_channel=True)),
            float(calculate_ssim(*pair, crop_border=border, test_y_channel=True)),
        )
    return scores


def mean_score(scores: Mapping[str, ImageScore]) -> ImageScore:
    """Return the mean over images, as BasicSR's validation reports it."""
    count = len(scores)
    return ImageScore(
        sum(score.psnr for score in scores.values()) / count, sum(score.ssim for score in scores.values()) / count
    )
