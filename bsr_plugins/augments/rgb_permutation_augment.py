"""RGB permutation, one of the augmentations that CutBlur's paper compares."""

from __future__ import annotations

import numpy as np

from bsr_plugins.augments.augment import Augmented, Batch
from bsr_plugins.augments.augment_options import RGB_PERMUTATION
from bsr_plugins.augments.whole_batch import WholeBatchAugment, check_channels, to_device

_DEFAULTS = RGB_PERMUTATION.defaults


class RGBPermutation(WholeBatchAugment):
    """The channels of lq and gt in another order, one permutation a batch. It knows no scale.

    Args:
        scale: Upscaling factor of the network.
        prob: Probability that a batch is augmented; one in six permutations leaves it as it is.

    Raises:
        OptionError: A value is out of its range.
        DataError: When called: lq and gt are not both of three channels.
    """

    option_set = RGB_PERMUTATION

    def __init__(self, scale: int, prob: float = _DEFAULTS.prob) -> None:
        RGB_PERMUTATION.check(prob=prob)
        super().__init__(scale, prob, alpha=1)  # the published list of alphas has 1 for it

    def applied(self, batch: Batch, rng: np.random.Generator) -> Augmented:
        """Return the batch with its channels permuted."""
        check_channels(batch, RGB_PERMUTATION.name, expected=3)
        order = to_device(rng.permutation(batch.lq.shape[1]), batch.lq)
        return Augmented(batch.lq.index_select(1, order), batch.gt.index_select(1, order), 'rgb')
