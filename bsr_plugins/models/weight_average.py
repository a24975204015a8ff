"""The exponential average of a network's weights, in a few calls for all of its tensors together."""

from __future__ import annotations

from itertools import chain
from typing import Any, Dict, List, Tuple

import torch
from torch import Tensor, nn


class WeightAverage:
    """Averages the parameters of a network as BasicSR's ``model_ema``, to the bit: ema * decay + net * (1 - decay).

    The pairs of parameters are looked up once, and again where a module has got another parameter in place of
    its own (``load_state_dict(assign=True)``): walking through the modules takes longer than the average itself.

    Args:
        net: The bare network that is trained.
        average: The network of the average, with the same names.
    """

    def __init__(self, net: nn.Module, average: nn.Module) -> None:
        self.net, self.average = net, average
        self._pair()

    def _pair(self) -> None:
        trained = dict(self.net.named_parameters())
        pairs: List[Tuple[Tensor, Tensor]] = [(trained[name], mean) for name, mean in self.average.named_parameters()]
        self._trained, self._average = [one for one, _ in pairs], [mean for _, mean in pairs]
        modules = [module for net in (self.net, self.average) for module in net.modules()]
        self._own: List[Dict[str, Any]] = [module._parameters for module in modules if module._parameters]
        self._held = self._found()

    def _found(self) -> List[int]:
        return list(map(id, chain.from_iterable(map(dict.values, self._own))))

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """Move the average towards the weights; ``decay`` 0 copies them."""
        if self._found() != self._held:
            self._pair()
        if self._average and hasattr(torch, '_foreach_mul_'):
            torch._foreach_mul_(self._average, decay)
            torch._foreach_add_(self._average, self._trained, alpha=1 - decay)
            return
        for mean, weight in zip(self._average, self._trained):
            mean.mul_(decay).add_(weight, alpha=1 - decay)
