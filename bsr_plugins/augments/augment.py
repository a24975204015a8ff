"""What every augmentation of a batch takes and gives back."""

from __future__ import annotations

import abc
from typing import ClassVar, NamedTuple, Optional

import numpy as np
from torch import Tensor

from bsr_plugins.common.option import OptionSet


class Batch(NamedTuple):
    """A batch on its device.

    Attributes:
        lq: (N, C, h, w), float in [0, 1].
        gt: (N, C, h * scale, w * scale), likewise.
        saliency: (N, 1, h, w) in [0, 1], larger where a pixel of ``lq`` matters more; None where nobody gave one.
    """

    lq: Tensor
    gt: Tensor
    saliency: Optional[Tensor] = None


class Augmented(NamedTuple):
    """The batch to train on, and what it was made by.

    Attributes:
        lq, gt: As in :class:`Batch`, of the same shapes, types and device. The tensors that were given are never
            changed; they are returned where nothing was done.
        operation: What was done to the batch, one word; '' for nothing.
        loss_mask: (N or 1, 1, H, W) of 0 and 1, what output and gt are multiplied by before the losses; None: all ones.
        partners: (N,) index of the sample that was mixed into each; None where none was.
        mask: (N or 1, 1, h, w) of 0 and 1, where ``lq`` was changed, or kept from the source; None where there is none.
        saliency: (N, 1, h, w), what the mask was chosen by; None where by nothing.
    """

    lq: Tensor
    gt: Tensor
    operation: str = ''
    loss_mask: Optional[Tensor] = None
    partners: Optional[Tensor] = None
    mask: Optional[Tensor] = None
    saliency: Optional[Tensor] = None


class Augment(abc.ABC):
    """An augmentation, a value of ``train.augment.type``. It draws from what it is handed, and counts nothing.

    Attributes:
        option_set: Its options beside ``type``.
        certainty: How sure it is that this is the published method: ``exact`` (public code and paper),
            ``reconstructed`` or ``experimental``.
        adaptation: What is otherwise than published where the network upscales (``scale`` > 1); '' for nothing.
        needs_saliency: Whether ``Batch.saliency`` has to be there.

    Args:
        scale: Upscaling factor of the network.
    """

    option_set: ClassVar[OptionSet]
    certainty: str = 'exact'
    adaptation: str = ''
    needs_saliency: bool = False

    def __init__(self, scale: int) -> None:
        self.scale = scale

    @property
    def degree(self) -> str:
        """How sure it is that this is the published method, and what is otherwise, in words."""
        if self.scale > 1 and self.adaptation:
            words = 'adapted' if self.certainty == 'exact' else f'{self.certainty}, adapted'
            return f'{words} to networks that upscale: {self.adaptation}'
        return self.certainty

    def looked_at(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return which of ``count`` samples have their saliency looked at, where ``rng`` is that of the call."""
        return np.arange(count)

    @abc.abstractmethod
    def __call__(self, batch: Batch, rng: np.random.Generator) -> Augmented:
        """Return the batch to train on.

        Args:
            batch: The batch as the loader gave it.
            rng: Keyed by (manual_seed + rank, iteration); all draws are made from it, so that a resume repeats them.
        """
