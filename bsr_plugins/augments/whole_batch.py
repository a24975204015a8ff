"""What CutBlur's family shares: a batch is augmented as a whole or not at all, by one draw, with one box and one share.

Written from the paper (Yoo, Ahn, Sohn: "Rethinking Data Augmentation for Image Super-resolution", CVPR 2020) and from
the constants and the order of decisions of its published code.
"""

from __future__ import annotations

import abc
from typing import NamedTuple, Optional

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bsr_plugins.augments.augment import Augment, Augmented, Batch
from bsr_plugins.common.errors import DataError

#: Standard deviation of a box's share of the sides, around alpha.
_SPREAD = 0.01


class WholeBatchAugment(Augment):
    """An augmentation that is done to all samples of a batch alike, with probability ``prob``.

    Args:
        scale: Upscaling factor of the network.
        prob: Probability that a batch is augmented.
        alpha: Its strength; at 0 every batch is returned as it is.
    """

    def __init__(self, scale: int, prob: float, alpha: float) -> None:
        super().__init__(scale)
        self.prob = prob
        self.alpha = alpha

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Augmented:
        """Return the batch augmented, or, with probability 1 - ``prob``, as it is."""
        if rng.random() >= self.prob or self.alpha == 0:
            return Augmented(batch.lq, batch.gt)
        return self.applied(batch, rng)

    @abc.abstractmethod
    def applied(self, batch: Batch, rng: np.random.Generator) -> Augmented:
        """Return the batch augmented."""


class Box(NamedTuple):
    """A box of ``lq``, in whole pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, images: Tensor, scale: int = 1) -> Tensor:
        """Return the view of (N, C, h * scale, w * scale) inside the box."""
        rows = slice(scale * self.top, scale * (self.top + self.height))
        columns = slice(scale * self.left, scale * (self.left + self.width))
        return images[..., rows, columns]

    def mask(self, images: Tensor, inside: bool = True) -> Tensor:
        """Return (1, 1, h, w) for (N, C, h, w): 1 inside the box and 0 outside, or the reverse."""
        mask = images.new_full((1, 1, *images.shape[-2:]), float(not inside))
        self.of(mask).fill_(float(inside))
        return mask


def draw_box(lq: Tensor, alpha: float, rng: np.random.Generator) -> Box:
    """Return a box of int(h * r) x int(w * r) pixels at a uniform place of (N, C, h, w), r ~ N(alpha, 0.01).

    r is clipped to [0, 1], which the published code leaves out: a larger box is no box of the image.
    """
    ratio = min(max(alpha + _SPREAD * rng.standard_normal(), 0.0), 1.0)
    height, width = lq.shape[-2:]
    size = int(height * ratio), int(width * ratio)
    top, left = (int(rng.integers(whole - part + 1)) for whole, part in zip((height, width), size))
    return Box(top, left, *size)


def draw_partners(lq: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a permutation of the samples of (N, C, h, w) on its device: the partner of each, itself perhaps."""
    return to_device(rng.permutation(len(lq)), lq)


def to_device(draws: np.ndarray, like: Tensor) -> Tensor:
    """Return draws on the device of ``like``, without waiting for it."""
    return torch.from_numpy(draws).to(like.device, non_blocking=True)


def check_channels(batch: Batch, method: str, expected: Optional[int] = None) -> None:
    """Refuse a batch whose ``lq`` and ``gt`` differ in their channels, or have not ``expected`` ones.

    Raises:
        DataError: They do.
    """
    lq, gt = batch.lq.shape[1], batch.gt.shape[1]
    if lq != gt or expected not in (None, lq):
        raise DataError(
            f'{method} does to the channels of gt what it does to those of lq',
            where='train.augment.type',
            expected=f'{expected or "the same number of"} channels in both',
            found=f'lq {lq}, gt {gt}',
            remedy='another augmentation: Mixup and CutMix take any channels',
        )


def mixed(images: Tensor, others: Tensor, share: float) -> Tensor:
    """Return share * images + (1 - share) * others."""
    return share * images + (1 - share) * others


def area_downsampled(images: Tensor, scale: int) -> Tensor:
    """Return the mean of each scale x scale pixels, (N, C, h, w) for (N, C, h * scale, w * scale)."""
    if scale == 1 or not images.numel():  # an empty box, which pooling refuses
        return images[..., ::scale, ::scale]
    return F.avg_pool2d(images, scale)


def with_box(images: Tensor, content: Tensor, box: Box, scale: int = 1) -> Tensor:
    """Return ``images`` with ``content`` in the box; ``images`` stay as they are."""
    result = images.clone()
    box.of(result, scale).copy_(content)
    return result
