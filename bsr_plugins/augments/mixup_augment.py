"""Mixup (Zhang et al., 2018) as CutBlur's paper has it: both images of a pair are mixed with those of a partner."""

from __future__ import annotations

import numpy as np

from bsr_plugins.augments.augment import Augmented, Batch
from bsr_plugins.augments.augment_options import MIXUP
from bsr_plugins.augments.whole_batch import WholeBatchAugment, draw_partners, mixed

_DEFAULTS = MIXUP.defaults


class Mixup(WholeBatchAugment):
    """image' = v * image + (1 - v) * partner for lq and gt, one v ~ Beta(alpha, alpha) a batch. It knows no scale.

    Args:
        scale: Upscaling factor of the network.
        prob: Probability that a batch is augmented.
        alpha: Of the Beta distribution.

    Raises:
        OptionError: A value is out of its range.
    """

    option_set = MIXUP

    def __init__(self, scale: int, prob: float = _DEFAULTS.prob, alpha: float = _DEFAULTS.alpha) -> None:
        MIXUP.check(prob=prob, alpha=alpha)
        super().__init__(scale, prob, alpha)

    def applied(self, batch: Batch, rng: np.random.Generator) -> Augmented:
        """Return the mixed batch and its partners."""
        share = float(rng.beta(self.alpha, self.alpha))
        partners = draw_partners(batch.lq, rng)
        lq, gt = (mixed(images, images[partners], share) for images in (batch.lq, batch.gt))
        return Augmented(lq, gt, 'mixup', partners=partners)
