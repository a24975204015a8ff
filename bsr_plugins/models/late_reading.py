"""Losses and norms read one iteration late, so that the processor need not wait for the device within a step."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

from bsr_plugins.models.engine_options import EngineOptions
from bsr_plugins.optim.fused import is_fused, leaves_out

#: Where it is worth it: on a CPU there is nothing to wait for.
DEVICES = ('cuda',)


class Reading(NamedTuple):
    """What a step measured, and the batch that it measured.

    Attributes:
        iteration: From 1.
        values: Log name -> loss.
        norm: Of the gradients; None where no update ends.
        files: Of the batch, where something is not finite; True: of the processes whose losses are not.
    """

    iteration: int
    values: Dict[str, float]
    norm: Optional[float]
    files: Callable[[bool], List[str]]


class _Pending(NamedTuple):
    iteration: int
    names: Sequence[str]
    row: Tensor
    copied: Any
    files: List[str]
    log: Dict[str, float]


class LateReadings:
    """The readings on their way from the device, in the order of their iterations.

    Args:
        judge: Takes each when it is read, and returns what it adds to the log; it may raise.
    """

    def __init__(self, judge: Callable[[Reading], Dict[str, float]]) -> None:
        self._judge = judge
        self._pending: Deque[_Pending] = Deque()

    def add(self, iteration: int, names: Sequence[str], row: Tensor, files: List[str]) -> Dict[str, float]:
        """Send losses and norm, in one ``row``, on their way; return the log, which is filled when they are read."""
        copied = None
        if row.device.type == 'cuda':
            host = torch.empty(row.shape, dtype=row.dtype, pin_memory=True)
            host.copy_(row, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record(torch.cuda.current_stream(row.device))
            row = host
        self._pending.append(_Pending(iteration, list(names), row, copied, list(files), OrderedDict()))
        return self._pending[-1].log

    def settle(self, but: int = 0) -> None:
        """Read all but the last ``but``.

        Raises:
            TrainingError: By the judge.
        """
        while len(self._pending) > but:
            self._read(self._pending.popleft())

    def _read(self, one: _Pending) -> None:
        if one.copied is not None:
            one.copied.synchronize()
        *losses, norm = one.row.tolist()
        values = OrderedDict(zip(one.names, losses))
        counters = self._judge(Reading(one.iteration, values, norm, lambda _: one.files))
        # What the parts of the model have added meanwhile stands behind the losses, as where nothing is late.
        added = dict(one.log)
        one.log.clear()
        one.log.update({**values, **counters, **added})


def why_it_waits(options: EngineOptions, optimizer: Optimizer, device: torch.device, in_groups: bool) -> Optional[str]:
    """Return why each update waits for the device; None where readings may be late.

    Args:
        options: The engine's options.
        optimizer: Of the run, resumed where it is.
        device: Where the network runs.
        in_groups: Whether several processes have to agree.
    """
    if in_groups:
        return 'the processes agree on each update'
    if options.amp == 'fp16':
        return 'the GradScaler of fp16 asks for it'
    if options.accumulate > 1:
        return 'one bad batch spoils a whole accumulated update'
    if options.max_loss_jump is not None:
        return 'max_loss_jump compares each loss with the one before'
    if not is_fused(optimizer):
        return f'{type(optimizer).__name__} is not fused here (train.optim_g: fused: true, for Adam and AdamW)'
    if not leaves_out(type(optimizer), device):
        return f'the fused {type(optimizer).__name__} of torch {torch.__version__} leaves no update out'
    return None
