"""ADD+ (CVPR 2025), experimental: the salient region of each image mixed, pasted or sharpened."""

from __future__ import annotations

from typing import Any, Sequence

from bsr_plugins.augments.add_augment import ADDAugment
from bsr_plugins.augments.augment_options import ADD_PLUS

_DEFAULTS = ADD_PLUS.defaults


class ADDPlusAugment(ADDAugment):
    """ADD+: one of three operations for each sample ("diverse augmentation strategies").

    - ``mix``: as :class:`ADDAugment`;
    - ``paste``: the same with lam = 1, as SaliencyMix;
    - ``intensity``: LR becomes M * down(HR) + (1 - M) * LR, HR stays as it is, as CutBlur, at LR size: down averages
      blocks of ``scale`` x ``scale`` pixels, M is the salient region of the image itself.

    Experimental, as ADD is.

    Args:
        scale: Upscaling factor of the network.
        prob, grid, cells, alpha, canvas, saliency, **cam: See :class:`ADDAugment`.
        ops: Which of the three, equally likely.

    Raises:
        OptionError: An option has a wrong value.
    """

    option_set = ADD_PLUS

    def __init__(
        self,
        scale: int,
        prob: float = _DEFAULTS.prob,
        grid: int = _DEFAULTS.grid,
        cells: int = _DEFAULTS.cells,
        alpha: float = _DEFAULTS.alpha,
        canvas: str = _DEFAULTS.canvas,
        saliency: str = _DEFAULTS.saliency,
        ops: Sequence[str] = _DEFAULTS.ops,
        **cam: Any,
    ) -> None:
        ADD_PLUS.check(ops=ops)
        super().__init__(scale, prob, grid, cells, alpha, canvas, saliency, **cam)
        self.operations = tuple(ops)
