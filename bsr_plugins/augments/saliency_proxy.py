"""Where images have texture that LR images lose: a saliency that needs no network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from bsr_plugins.augments.whole_batch import area_downsampled


def saliency_proxy(lq: Tensor, gt: Tensor, scale: int) -> Tensor:
    """Return (|sobel(g)| + mean over the channels of |d - lq|) / 2, without a gradient.

    Where: d is ``gt`` averaged over blocks of ``scale`` x ``scale``, g the mean of its channels, and |sobel(g)| the
    length of its Sobel gradient divided by 8, the change from one pixel to the next, so that both terms are grey
    levels. The first is texture that the LR size can show. The second is what bicubic and area downscaling, which
    differ in fine texture alone, disagree about; on pairs of one size it is the error of ``lq`` itself.

    No paper has it. It is a third party's stand-in for the maps of ADD, from which it departs in dividing by 8: else
    the gradient alone would count. The error of bicubic upscaling would say much the same at several times the cost.

    Args:
        lq: (N, C, h, w) in [0, 1], any floating type.
        gt: (N, C, h * scale, w * scale), likewise.
        scale: Upscaling factor.

    Returns:
        (N, 1, h, w) in [0, 1], float32; 0 where both images are constant and equal.
    """
    with torch.no_grad():
        shrunk = area_downsampled(gt.float(), scale)
        error = (shrunk - lq.float()).abs_().mean(1, keepdim=True)
        return (_sobel_magnitude(shrunk.mean(1, keepdim=True)) + error).mul_(0.5)


def _sobel_magnitude(grey: Tensor) -> Tensor:
    """Return the length of the Sobel gradient of (N, 1, h, w), divided by 8; the border repeats the last pixel."""
    padded = functional.pad(grey, (1, 1, 1, 1), mode='replicate')
    across = padded[..., 2:] - padded[..., :-2]
    down = padded[..., 2:, :] - padded[..., :-2, :]
    across = (across[..., :-2, :] + across[..., 2:, :]).add_(across[..., 1:-1, :], alpha=2)
    down = (down[..., :-2] + down[..., 2:]).add_(down[..., 1:-1], alpha=2)
    return across.square_().addcmul_(down, down).sqrt_().mul_(0.125)
