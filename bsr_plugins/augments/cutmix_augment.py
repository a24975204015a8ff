"""CutMix (Yun et al., 2019) as CutBlur's paper has it: a box of both images of a pair is that of a partner."""

from __future__ import annotations

import numpy as np

from bsr_plugins.augments.augment import Augmented, Batch
from bsr_plugins.augments.augment_options import CUTMIX
from bsr_plugins.augments.whole_batch import WholeBatchAugment, draw_box, draw_partners, with_box

_DEFAULTS = CUTMIX.defaults


class CutMix(WholeBatchAugment):
    """image' = M * partner + (1 - M) * image for lq and gt, with one box M a batch, at the same place of both.

    Args:
        scale: Upscaling factor of the network.
        prob: Probability that a batch is augmented.
        alpha: Share of height and width that the box takes, give or take 0.01.

    Raises:
        OptionError: A value is out of its range.
    """

    option_set = CUTMIX
    adaptation = 'boxes lie on whole lq pixels'

    def __init__(self, scale: int, prob: float = _DEFAULTS.prob, alpha: float = _DEFAULTS.alpha) -> None:
        CUTMIX.check(prob=prob, alpha=alpha)
        super().__init__(scale, prob, alpha)

    def applied(self, batch: Batch, rng: np.random.Generator) -> Augmented:
        """Return the batch with the boxes of partners; the mask is the box."""
        box = draw_box(batch.lq, self.alpha, rng)
        partners = draw_partners(batch.lq, rng)
        lq, gt = (
            with_box(images, box.of(images, scale)[partners], box, scale)
            for images, scale in ((batch.lq, 1), (batch.gt, self.scale))
        )
        return Augmented(lq, gt, 'cutmix', partners=partners, mask=box.mask(lq))
