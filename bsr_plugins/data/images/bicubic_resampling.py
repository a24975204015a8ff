"""Bicubic images of either kind, torch's or MATLAB's, up and down by whole factors (f_BI of FPL, CVPR 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bsr_plugins.common.errors import DependencyError
from bsr_plugins.common.option import Option
from bsr_plugins.common.option_kinds import choice

if TYPE_CHECKING:
    import torch

#: Of FocalPixelLoss and BicubicResidual.
BICUBIC = Option(
    'bicubic',
    choice('torch', 'matlab'),
    'torch',
    'a = -0.75, or a = -0.5 as of most LR images, and neither clamps',
    "as in FPL's code",
)


def upsample_bicubic(x: torch.Tensor, scale: int, kernel: str = BICUBIC.default) -> torch.Tensor:
    """Return ``x`` (N, C, H, W) upscaled by a whole ``scale``, of the same type, differentiable, not clamped.

    ``torch``: ``interpolate(mode='bicubic', align_corners=False)``, a = -0.75; ``matlab``: BasicSR's ``imresize``,
    a = -0.5.
    """
    if kernel == 'torch':
        from torch.nn import functional

        size = (x.shape[-2] * scale, x.shape[-1] * scale)
        return functional.interpolate(x, size=size, mode='bicubic', align_corners=False)
    from bsr_plugins.data.images.bicubic_upscaling import upscale_bicubic

    return upscale_bicubic(x, scale).to(x.dtype)


def downsample_bicubic(x: torch.Tensor, scale: int, kernel: str = BICUBIC.default) -> torch.Tensor:
    """Return ``x`` (N, C, H, W) downscaled with antialiasing by a whole ``scale`` that divides H and W; not clamped.

    ``torch``: ``interpolate(mode='bicubic', antialias=True)``; ``matlab``: BasicSR's ``imresize``. Both have a = -0.5;
    inside an image they agree, at its border the first renormalises the filter and the second mirrors the image.

    Raises:
        DependencyError: ``torch`` is asked of a torch that cannot antialias (before 1.11).
    """
    if kernel != 'torch':
        from bsr_plugins.data.images.bicubic_downscaling import downscale_bicubic

        return downscale_bicubic(x, scale).to(x.dtype)
    from torch.nn import functional

    size = (x.shape[-2] // scale, x.shape[-1] // scale)
    try:
        return functional.interpolate(x, size=size, mode='bicubic', align_corners=False, antialias=True)
    except TypeError as error:
        raise DependencyError(
            'this torch cannot downscale with antialiasing',
            expected='torch >= 1.11',
            found=error,
            remedy='install a newer torch, or set bicubic: matlab',
        ) from error
