"""Sums of gradients along a path in parameter space, batch by batch (BSPA, NeurIPS 2023, Eq. 10)."""

from __future__ import annotations

from typing import Callable, Dict, List, Tuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from bsr_plugins.attribution.parameter_path import ParameterPath
from bsr_plugins.common.errors import OptionError


class RiemannSums:
    """The sums of one attribution while it runs over the batches.

    Args:
        path: The path, walked by the caller (``with path.walking()``).
        points: (alpha, weight) pairs of the rule.
        is_ranked: Which of the path's parameters have scores.
        per_batch_abs: Sum the absolute values of the batches' attributions, else the signed ones.
        ends_every: n: the losses at both ends are measured on the first batch and every n-th one after it.

    Attributes:
        scores: Parameter name -> sum over the batches.
        totals: Signed sum over all batches and tensors; then, of the measured batches: l(theta'), l(theta), signed sum,
            their number. Float64, on the device, so that no batch waits for the one before.
        batches: Number of batches.
        missing: How many fewer batches came than were asked for.
    """

    def __init__(
        self,
        path: ParameterPath,
        points: List[Tuple[float, float]],
        is_ranked: List[bool],
        per_batch_abs: bool,
        ends_every: int = 1,
    ) -> None:
        self.path = path
        self.points = points
        self.per_batch_abs = per_batch_abs
        self.ends_every = ends_every
        self.is_ranked = is_ranked
        self.gradients = [torch.zeros_like(p) for p in path.difference]
        self.scores = {
            name: torch.zeros_like(d) for name, d, chosen in zip(path.names, path.difference, is_ranked) if chosen
        }
        self.totals = torch.zeros(5, dtype=torch.float64, device=path.device)
        self.batches = 0
        self.missing = 0

    def add(
        self, forward: nn.Module, lq: Tensor, gt: Tensor, objective: Callable[[Tensor, Tensor], Tensor], bar: tqdm
    ) -> None:
        """Add one batch: the Riemann sum of the gradients over the path, times the difference.

        Raises:
            OptionError: The loss cannot be differentiated.
        """
        losses: Dict[float, Tensor] = {}
        torch._foreach_zero_(self.gradients)
        for alpha, weight in self.points:
            self.path.move_to(alpha)
            loss = objective(forward(lq), gt)
            losses[alpha] = loss.detach()
            self._add_gradients(loss, weight)
            bar.update()
        if self.batches % self.ends_every == 0:
            for alpha in (0.0, 1.0):
                if alpha not in losses:
                    self.path.move_to(alpha)
                    with torch.no_grad():
                        losses[alpha] = objective(forward(lq), gt)
        torch._foreach_mul_(self.gradients, self.path.difference)
        signed = torch.stack([g.sum(dtype=torch.float64) for g in self.gradients]).sum()
        self.totals[0] += signed
        if 0.0 in losses and 1.0 in losses:
            ends = [losses[0.0].double(), losses[1.0].double(), signed, torch.ones_like(signed)]
            self.totals[1:] += torch.stack(ends)
        chosen = [g for g, ranked in zip(self.gradients, self.is_ranked) if ranked]
        if self.per_batch_abs:
            torch._foreach_abs_(chosen)
        torch._foreach_add_(list(self.scores.values()), chosen)
        self.batches += 1

    def _add_gradients(self, loss: Tensor, weight: float) -> None:
        if not loss.requires_grad:
            raise OptionError(
                "The loss of the attribution does not depend on the network's parameters",
                expected='a forward pass and an objective that autograd can differentiate',
            )
        found = torch.autograd.grad(loss, self.path.parameters, allow_unused=True)
        # A parameter that takes no part in the forward pass has no gradient: its attribution is zero.
        pairs = [(total, grad) for total, grad in zip(self.gradients, found) if grad is not None]
        torch._foreach_add_([total for total, _ in pairs], [grad for _, grad in pairs], alpha=weight)

    def all_reduce(self, missing: int) -> None:
        """Sum over the ranks, in one message for the scores and one for the rest; every rank has to call it."""
        counts = torch.tensor([self.batches, missing], dtype=torch.float64, device=self.totals.device)
        numbers = torch.cat([self.totals, counts])
        torch.distributed.all_reduce(numbers)
        self.totals = numbers[:5]
        self.batches, self.missing = int(numbers[5]), int(numbers[6])
        flat = torch.cat([score.reshape(-1) for score in self.scores.values()])
        torch.distributed.all_reduce(flat)
        parts = flat.split([score.numel() for score in self.scores.values()])
        for score, part in zip(self.scores.values(), parts):
            score.copy_(part.view(score.shape))
