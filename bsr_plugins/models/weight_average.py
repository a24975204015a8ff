"""The exponential average of a network's weights, in a few calls for all of its tensors together."""

from __future__ import annotations

from typing import List, Tuple

import torch
from torch import Tensor, nn


class WeightAverage:
    """Averages the parameters of a network as BasicSR's ``model_ema``, to the bit: ema * decay + net * (1 - decay).

    The pairs of parameters are looked up once: walking through the modules takes longer than the average itself.

    Args:
        net: The bare network that is trained.
        average: The network of the average, with the same names.
    """

    def __init__(self, net: nn.Module, average: nn.Module) -> None:
        self.net, self.average = net, average
        trained = dict(net.named_parameters())
        pairs: List[Tuple[Tensor, Tensor]] = [(trained[name], mean) for name, mean in average.named_parameters()]
        self._trained, self._average = [one for one, _ in pairs], [mean for _, mean in pairs]

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """Move the average towards the weights; ``decay`` 0 copies them."""
        if self._average and hasattr(torch, '_foreach_mul_'):
            torch._foreach_mul_(self._average, decay)
            torch._foreach_add_(self._average, self._trained, alpha=1 - decay)
            return
        for mean, weight in zip(self._average, self._trained):
            mean.mul_(decay).add_(weight, alpha=1 - decay)
