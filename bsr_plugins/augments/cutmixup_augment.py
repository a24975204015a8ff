"""CutMixup, which CutBlur's paper makes of CutMix and Mixup: a box of a sample, or all around it, is mixed."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from bsr_plugins.augments.augment import Augmented, Batch
from bsr_plugins.augments.augment_options import CUTMIXUP
from bsr_plugins.augments.whole_batch import Box, WholeBatchAugment, draw_box, draw_partners, mixed, with_box

_DEFAULTS = CUTMIXUP.defaults


class CutMixup(WholeBatchAugment):
    """image' = M * mix + (1 - M) * image for lq and gt, with one box M a batch, or, at odds of 0.5, all around it.

    Where mix = v * image + (1 - v) * partner, one v ~ Beta(mixup_alpha, mixup_alpha) a batch; with probability
    1 - ``mixup_prob`` it is the partner alone. The published code hands over 1.2, its alpha, as that probability, so
    that it always mixes: the default 1 does the same.

    Args:
        scale: Upscaling factor of the network.
        prob: Probability that a batch is augmented.
        alpha: Share of height and width that the box takes, give or take 0.01.
        mixup_prob: Probability that partners are mixed in and not put in whole.
        mixup_alpha: Of the Beta distribution.

    Raises:
        OptionError: A value is out of its range.
    """

    option_set = CUTMIXUP
    adaptation = 'boxes lie on whole lq pixels'

    def __init__(
        self,
        scale: int,
        prob: float = _DEFAULTS.prob,
        alpha: float = _DEFAULTS.alpha,
        mixup_prob: float = _DEFAULTS.mixup_prob,
        mixup_alpha: float = _DEFAULTS.mixup_alpha,
    ) -> None:
        CUTMIXUP.check(prob=prob, alpha=alpha, mixup_prob=mixup_prob, mixup_alpha=mixup_alpha)
        super().__init__(scale, prob, alpha)
        self.mixup_prob = mixup_prob
        self.mixup_alpha = mixup_alpha

    def applied(self, batch: Batch, rng: np.random.Generator) -> Augmented:
        """Return the batch, mixed inside the box or outside; the mask is where."""
        box = draw_box(batch.lq, self.alpha, rng)
        partners = draw_partners(batch.lq, rng)
        is_mixed = rng.random() < self.mixup_prob and self.mixup_alpha > 0
        share = float(rng.beta(self.mixup_alpha, self.mixup_alpha)) if is_mixed else 0.0
        inside = bool(rng.random() > 0.5)
        lq, gt = (
            _mixed_in_part(images, partners, box, scale, share, inside)
            for images, scale in ((batch.lq, 1), (batch.gt, self.scale))
        )
        return Augmented(lq, gt, 'cutmixup', partners=partners, mask=box.mask(lq, inside))


def _mixed_in_part(images: Tensor, partners: Tensor, box: Box, scale: int, share: float, inside: bool) -> Tensor:
    if not inside:
        return with_box(mixed(images, images[partners], share), box.of(images, scale), box, scale)
    part = box.of(images, scale)
    return with_box(images, mixed(part, part[partners], share), box, scale)
