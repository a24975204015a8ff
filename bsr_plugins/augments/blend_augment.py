"""Blend, one of the augmentations that CutBlur's paper compares: a colour is mixed into both images of a pair."""

from __future__ import annotations

import numpy as np

from bsr_plugins.augments.augment import Augmented, Batch
from bsr_plugins.augments.augment_options import BLEND
from bsr_plugins.augments.whole_batch import WholeBatchAugment, check_channels, mixed, to_device

_DEFAULTS = BLEND.defaults


class Blend(WholeBatchAugment):
    """image' = v * image + (1 - v) * c for lq and gt, one v ~ U(alpha, 1) a batch. It knows no scale.

    Where c is a colour of its own for each sample, U(0, 1) in each channel (U(0, 255) in the published code, whose
    values are bytes).

    Args:
        scale: Upscaling factor of the network.
        prob: Probability that a batch is augmented.
        alpha: Least share of the image.

    Raises:
        OptionError: A value is out of its range.
        DataError: When called: lq and gt have different numbers of channels.
    """

    option_set = BLEND

    def __init__(self, scale: int, prob: float = _DEFAULTS.prob, alpha: float = _DEFAULTS.alpha) -> None:
        BLEND.check(prob=prob, alpha=alpha)
        super().__init__(scale, prob, alpha)

    def applied(self, batch: Batch, rng: np.random.Generator) -> Augmented:
        """Return the blended batch."""
        check_channels(batch, BLEND.name)
        lq, gt = batch.lq, batch.gt
        colours = to_device(rng.random((*lq.shape[:2], 1, 1), dtype=np.float32), lq)
        share = float(rng.uniform(self.alpha, 1))
        lq, gt = (mixed(images, colours.to(images.dtype), share) for images in (lq, gt))
        return Augmented(lq, gt, 'blend')
