"""Fused Adam and AdamW: switched on and off after they were built, and whether this torch's leave a bad update out."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch.optim import Adam, AdamW, Optimizer


def takes_fused(optimizer: Optimizer) -> bool:
    """Tell whether an optimizer is torch's Adam or AdamW, of a release that fuses."""
    return type(optimizer) in (Adam, AdamW) and 'fused' in optimizer.defaults


def is_fused(optimizer: Optimizer) -> bool:
    """Tell whether all of an Adam or AdamW is stepped by the fused kernel."""
    return takes_fused(optimizer) and all(group.get('fused') for group in optimizer.param_groups)


def may_fuse(optimizer: Optimizer) -> bool:
    """Tell whether an Adam or AdamW was built without a word about how torch is to compute its step."""
    return takes_fused(optimizer) and all(
        group.get('fused') is None
        and group.get('foreach') is None
        and not (group.get('capturable') or group.get('differentiable'))
        for group in optimizer.param_groups
    )


def set_fused(optimizer: Optimizer, fused: Optional[bool], foreach: Optional[bool] = None) -> None:
    """Let Adam or AdamW go on with ``fused`` and ``foreach``, whatever it was built or loaded with.

    Args:
        optimizer: Its moments stay; its step counts move to where ``fused`` wants them.
        fused, foreach: As the constructor takes them: None leaves it to torch, which does not fuse.
    """
    optimizer.defaults.update(fused=fused, foreach=foreach)
    # A GradScaler hands what it found to such an optimizer, and asks this attribute alone.
    optimizer._step_supports_amp_scaling = bool(fused)  # type: ignore[attr-defined]
    for group in optimizer.param_groups:
        group.update(fused=fused, foreach=foreach)
        for parameter in group['params']:
            state = optimizer.state.get(parameter)
            if state and torch.is_tensor(state.get('step')):
                on_device = fused or group.get('capturable')
                state['step'] = state['step'].to(parameter.device if on_device else 'cpu')


def leaves_out(kind: Any, device: torch.device) -> bool:
    """Tell, by trying, whether the fused ``kind`` of this torch changes nothing where it is handed ``found_inf`` 1."""
    weight = torch.ones(2, device=device, requires_grad=True)
    try:
        optimizer = kind([weight], lr=0.1, weight_decay=0.1, fused=True)
        moved = _step(optimizer, weight, 1.0, 0.0)
        kept = _step(optimizer, weight, float('nan'), 1.0)
    except (RuntimeError, TypeError, AssertionError, AttributeError):
        return False
    return float(moved[0]) != 1 and torch.equal(moved, kept) and float(optimizer.state[weight]['step']) == 1


def step_unless(optimizer: Optimizer, bad: torch.Tensor) -> None:
    """Step a fused optimizer; where ``bad`` (float32, of no dimension, on its device) is 1, nothing of it changes."""
    optimizer.found_inf = bad  # type: ignore[attr-defined]
    try:
        optimizer.step()
    finally:
        del optimizer.found_inf  # type: ignore[attr-defined]


def _step(optimizer: Optimizer, weight: torch.Tensor, slope: float, bad: float) -> torch.Tensor:
    weight.grad = torch.full_like(weight, slope)
    step_unless(optimizer, torch.tensor(bad, device=weight.device))
    moments = [value.flatten() for key, value in sorted(optimizer.state[weight].items()) if key != 'step']
    return torch.cat([weight.detach().flatten(), *moments]).clone()
