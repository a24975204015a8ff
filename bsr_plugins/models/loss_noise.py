"""Noise for losses that draw some (l_E, arXiv 2201.10084, Eq. 8), as a function of seed, iteration and loss."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch import Tensor, nn

from bsr_plugins.common.keyed_random import keyed_generator

#: Parts these keys from those of the pack's other streams of draws.
LOSS_STREAM = 3


class LossNoise:
    """Draws noise by (seed, iteration, index of the loss): a resumed run repeats it, and other draws are left alone.

    The same key gives other values on another kind of device (CPU, CUDA), as torch's generators do.

    Args:
        seed: manual_seed + rank.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._generator: Optional[torch.Generator] = None

    def draw(self, criterion: Any, prediction: Tensor, iteration: int, index: int) -> Tensor:
        """Return ``criterion.draw_noise(prediction, generator)`` with a generator of that key.

        Args:
            criterion: The loss.
            prediction: What its noise is for, (N, C, H, W).
            iteration: The training iteration, from 1.
            index: Place of the loss among those of the run.
        """
        if self._generator is None or self._generator.device != prediction.device:
            self._generator = torch.Generator(device=prediction.device)
        self._generator.manual_seed(int(keyed_generator(self.seed, LOSS_STREAM, iteration, index).integers(2**63)))
        return criterion.draw_noise(prediction, self._generator)


def takes_noise(criterion: nn.Module) -> bool:
    """Tell whether a loss wants its noise handed over: ``takes_noise = True`` and a method ``draw_noise``."""
    return bool(getattr(criterion, 'takes_noise', False))
