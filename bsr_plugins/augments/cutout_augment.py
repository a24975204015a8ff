"""Cutout (DeVries and Taylor, 2017) as CutBlur's paper has it: single pixels are dropped and no loss sees them."""

from __future__ import annotations

from typing import Optional

import numpy as np
import torch

from bsr_plugins.augments.augment import Augmented, Batch
from bsr_plugins.augments.augment_options import CUTOUT
from bsr_plugins.augments.whole_batch import WholeBatchAugment

_DEFAULTS = CUTOUT.defaults


class Cutout(WholeBatchAugment):
    """lq' = M * lq, where M drops each pixel of each sample with probability ``alpha``, all its channels together.

    The losses are those of M * output and M * gt, M repeated over the scale x scale pixels of gt that a pixel of lq
    stands for.

    Args:
        scale: Upscaling factor of the network.
        prob: Probability that a batch is augmented.
        alpha: Share of the pixels that are dropped.

    Raises:
        OptionError: A value is out of its range.
    """

    option_set = CUTOUT
    adaptation = 'whole lq pixels are dropped'

    def __init__(self, scale: int, prob: float = _DEFAULTS.prob, alpha: float = _DEFAULTS.alpha) -> None:
        CUTOUT.check(prob=prob, alpha=alpha)
        super().__init__(scale, prob, alpha)
        self._generator: Optional[torch.Generator] = None

    def applied(self, batch: Batch, rng: np.random.Generator) -> Augmented:
        """Return ``lq`` without some pixels, and the mask of the losses; the draws differ between kinds of devices."""
        lq = batch.lq
        if self._generator is None or self._generator.device != lq.device:
            self._generator = torch.Generator(device=lq.device)
        self._generator.manual_seed(int(rng.integers(2**63)))
        draws = torch.rand((len(lq), 1, *lq.shape[-2:]), generator=self._generator, device=lq.device)
        dropped = draws < self.alpha
        kept = (~dropped).to(lq.dtype)
        loss_mask = kept.repeat_interleave(self.scale, -2).repeat_interleave(self.scale, -1).to(batch.gt.dtype)
        return Augmented(lq * kept, batch.gt, 'cutout', loss_mask=loss_mask, mask=dropped.to(lq.dtype))
