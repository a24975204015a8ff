"""CutBlur (CVPR 2020): the network learns where to super-resolve, and how much, from inputs that are sharp in part."""

from __future__ import annotations

import numpy as np

from bsr_plugins.augments.augment import Augmented, Batch
from bsr_plugins.augments.augment_options import CUTBLUR
from bsr_plugins.augments.whole_batch import WholeBatchAugment, area_downsampled, check_channels, draw_box, with_box

_DEFAULTS = CUTBLUR.defaults


class CutBlur(WholeBatchAugment):
    """lq' = M * gt_down + (1 - M) * lq with one box M a batch, or, with probability 0.5, the two exchanged (Eq. 1).

    Where M is a box of int(h * r) x int(w * r) pixels at a uniform place, r ~ N(alpha, 0.01). At ``scale`` 1, where the
    paper has lq upscaled before, gt_down is gt, and this is the published method. Above, gt_down is gt averaged over
    scale x scale pixels: the sharpest image that the size of lq can hold. gt never changes.

    Args:
        scale: Upscaling factor of the network.
        prob: Probability that a batch is augmented.
        alpha: Share of height and width that the box takes.

    Raises:
        OptionError: A value is out of its range.
        DataError: When called: lq and gt have different numbers of channels.
    """

    option_set = CUTBLUR
    adaptation = 'gt, averaged over scale x scale pixels, is pasted at the size of lq, in boxes of whole lq pixels'

    def __init__(self, scale: int, prob: float = _DEFAULTS.prob, alpha: float = _DEFAULTS.alpha) -> None:
        CUTBLUR.check(prob=prob, alpha=alpha)
        super().__init__(scale, prob, alpha)

    def applied(self, batch: Batch, rng: np.random.Generator) -> Augmented:
        """Return ``lq`` with a part of ``gt``; the mask is where it is."""
        check_channels(batch, CUTBLUR.name)
        lq, gt = batch.lq, batch.gt
        box = draw_box(lq, self.alpha, rng)
        inside = bool(rng.random() > 0.5)
        if inside:
            result = with_box(lq, area_downsampled(box.of(gt, self.scale), self.scale), box)
        else:
            result = with_box(area_downsampled(gt, self.scale), box.of(lq), box)
        return Augmented(result, gt, 'cutblur', mask=box.mask(lq, inside))
