"""The mixture of augmentations of CutBlur's paper (CVPR 2020): one of seven a batch."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Type

import numpy as np

from bsr_plugins.augments.augment import Augment, Augmented, Batch
from bsr_plugins.augments.augment_options import MOA
from bsr_plugins.augments.blend_augment import Blend
from bsr_plugins.augments.cutblur_augment import CutBlur
from bsr_plugins.augments.cutmix_augment import CutMix
from bsr_plugins.augments.cutmixup_augment import CutMixup
from bsr_plugins.augments.cutout_augment import Cutout
from bsr_plugins.augments.mixup_augment import Mixup
from bsr_plugins.augments.rgb_permutation_augment import RGBPermutation

_DEFAULTS = MOA.defaults
_CLASSES: Dict[str, Type[Augment]] = {
    each.option_set.name: each for each in (Blend, RGBPermutation, Mixup, Cutout, CutMix, CutMixup, CutBlur)
}


class MoA(Augment):
    """Applies one of ``ops`` to each batch, drawn by ``mix_p``.

    The published constants are the defaults: all seven, equally likely, each applied when it is drawn, with the alphas
    0.6, 1 (RGBPermutation has none), 1.2, 0.001, 0.7, 0.7, 0.7.

    Args:
        scale: Upscaling factor of the network.
        prob: Probability that the one drawn is applied.
        ops: What to choose from, by their types.
        mix_p: Probability of each; None: the same for all.
        probs: ``prob`` of each; None: ``prob`` for all.
        alphas: ``alpha`` of each; None, whole or in one place: its default.
        mixup_prob, mixup_alpha: Of CutMixup.

    Raises:
        OptionError: A value is out of its range, or does not fit ``ops``.
    """

    option_set = MOA

    def __init__(
        self,
        scale: int,
        prob: float = _DEFAULTS.prob,
        ops: Sequence[str] = _DEFAULTS.ops,
        mix_p: Optional[Sequence[float]] = None,
        probs: Optional[Sequence[float]] = None,
        alphas: Optional[Sequence[Optional[float]]] = None,
        mixup_prob: float = _DEFAULTS.mixup_prob,
        mixup_alpha: float = _DEFAULTS.mixup_alpha,
    ) -> None:
        MOA.check(
            prob=prob,
            ops=ops,
            mix_p=mix_p,
            probs=probs,
            alphas=alphas,
            mixup_prob=mixup_prob,
            mixup_alpha=mixup_alpha,
        )
        super().__init__(scale)
        self.mix_p = None if mix_p is None else np.asarray(mix_p, np.float64) / sum(mix_p)
        self.parts: List[Augment] = []
        for index, name in enumerate(ops):
            asked = {
                'prob': prob if probs is None else probs[index],
                'alpha': None if alphas is None else alphas[index],
                'mixup_prob': mixup_prob,
                'mixup_alpha': mixup_alpha,
            }
            names = _CLASSES[name].option_set.names
            own = {key: value for key, value in asked.items() if value is not None and key in names}
            self.parts.append(_CLASSES[name](scale, **own))
        self.adaptation = '; '.join(
            f'{part.option_set.name}: {part.adaptation}' for part in self.parts if part.adaptation
        )

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Augmented:
        """Return the batch as the one that is drawn makes it."""
        return self.parts[int(rng.choice(len(self.parts), p=self.mix_p))](batch, rng)
