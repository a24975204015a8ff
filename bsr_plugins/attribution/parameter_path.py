"""The straight path between two states of a network (BSPA Eq. 9) and the points of its Riemann sums (Eq. 10)."""

from __future__ import annotations

import contextlib
from typing import Iterator, List, Mapping, Sequence, Tuple

import torch
from torch import Tensor, nn

from bsr_plugins.attribution.attribution_options import IG_RULE, IG_STEPS
from bsr_plugins.common.errors import CheckpointError, OptionError


def path_points(rule: str, steps: int) -> List[Tuple[float, float]]:
    """Return the (alpha, weight) pairs of a Riemann sum over [0, 1] in ``steps`` (M) equal intervals.

    alpha = 0 is the baseline, alpha = 1 the target; the weights sum to 1. ``left``: s / M for s = 0 .. M - 1 (Eq. 10);
    ``right``: s / M for s = 1 .. M (the authors' code); ``midpoint``: (s + 1/2) / M; ``trapezoid``: s / M for
    s = 0 .. M, half the weight at both ends (M + 1 points).

    Raises:
        OptionError: Unknown rule, or ``steps`` is not an integer >= 1.
    """
    IG_RULE.checked(rule, 'rule')
    IG_STEPS.checked(steps, 'steps')
    if rule == 'trapezoid':
        return [(s / steps, (0.5 if s in (0, steps) else 1.0) / steps) for s in range(steps + 1)]
    offset = {'left': 0.0, 'right': 1.0, 'midpoint': 0.5}[rule]
    return [((s + offset) / steps, 1.0 / steps) for s in range(steps)]


class ParameterPath:
    """The path of a network's floating-point parameters, walked in place.

    Shared parameters stand once, under their first name. ``difference`` is theta - theta', one tensor a parameter, of
    its layout.

    Raises:
        CheckpointError: A parameter is missing in one of the states, or has another shape there.
        OptionError: A parameter has half precision, in which the path's points would round together.
    """

    def __init__(self, net: nn.Module, baseline: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
        self.net = net
        pairs = [(name, p) for name, p in net.named_parameters() if p.is_floating_point()]
        self.names = [name for name, _ in pairs]
        self.parameters = [p for _, p in pairs]
        for name, p in pairs:
            if p.dtype not in (torch.float32, torch.float64):
                raise OptionError(
                    'Parameters are attributed in full precision',
                    where=name,
                    expected='float32 or float64',
                    found=p.dtype,
                    remedy='keep float32 weights and train with autocast',
                )
        _check_state('baseline', baseline, pairs)
        _check_state('target', target, pairs)
        self.target = target
        with torch.no_grad():
            self.start = [torch.empty_like(p).copy_(baseline[name]) for name, p in pairs]
            self.difference = [torch.empty_like(p).copy_(target[name]) for name, p in pairs]
            torch._foreach_sub_(self.difference, self.start)
        self._point: List[Tensor] = []

    @property
    def device(self) -> torch.device:
        """Where the network's first parameter lies; inputs go there."""
        return self.parameters[0].device

    def as_input(self, image: Tensor) -> Tensor:
        """Return a batch on the network's device and in its precision."""
        return image.to(device=self.device, dtype=self.parameters[0].dtype, non_blocking=True)

    @torch.no_grad()
    def move_to(self, alpha: float) -> None:
        """Set the parameters to theta' + alpha (theta - theta')."""
        if hasattr(torch, '_foreach_copy_'):
            torch._foreach_copy_(self._point, self.start)
        else:
            for current, start in zip(self._point, self.start):
                current.copy_(start)
        if alpha:
            torch._foreach_add_(self._point, self.difference, alpha=alpha)

    @contextlib.contextmanager
    def walking(self) -> Iterator[None]:
        """Inside the block the network is in eval mode, differentiable, on the path; afterwards exactly as before."""
        modes = [(module, module.training) for module in self.net.modules()]
        flags = [p.requires_grad for p in self.parameters]
        own = [p.data for p in self.parameters]
        buffers = [(buffer, buffer.clone()) for buffer in self.net.buffers()]
        try:
            self._point = [torch.empty_like(p) for p in own]
            self.net.eval()
            for p, point in zip(self.parameters, self._point):
                p.data = point
                p.requires_grad_(True)
            with torch.no_grad():
                for name, buffer in self.net.named_buffers():
                    if name in self.target:
                        buffer.copy_(self.target[name])
            with torch.enable_grad(), torch.autocast(self.device.type, enabled=False):
                yield
        finally:
            for p, data, flag in zip(self.parameters, own, flags):
                p.data = data
                p.requires_grad_(flag)
            with torch.no_grad():
                for buffer, saved in buffers:
                    buffer.copy_(saved)
            for module, mode in modes:
                module.training = mode
            self._point = []


def _check_state(which: str, state: Mapping[str, Tensor], pairs: Sequence[Tuple[str, Tensor]]) -> None:
    missing = [name for name, _ in pairs if name not in state]
    if missing:
        more = f' and {len(missing) - 5} more' if missing[5:] else ''
        raise CheckpointError(
            f'The {which} of the attribution lacks parameters of the network',
            expected=', '.join(missing[:5]) + more,
            found=', '.join(list(state)[:5]) or 'nothing',
        )
    for name, p in pairs:
        if tuple(state[name].shape) != tuple(p.shape):
            raise CheckpointError(
                f'The {which} of the attribution has a parameter of another shape',
                where=name,
                expected=tuple(p.shape),
                found=tuple(state[name].shape),
            )
