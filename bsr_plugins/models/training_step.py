"""How a backward pass becomes an update: mixed precision, accumulation, clipping, on top of any optimizer."""

from __future__ import annotations

import contextlib
from typing import Any, ContextManager, Dict, Iterator, List, Optional

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from bsr_plugins.models.engine_options import EngineOptions
from bsr_plugins.models.precision import autocast, grad_scaler


class TrainingStep:
    """The parts of a training step between the forward pass and the changed weights.

    An update is made of the ``accumulate`` batches up to an iteration that it divides, so that the place inside an
    update follows from the iteration alone. With the default options the calls are those of SRModel.

    Args:
        options: The engine's options.
        optimizer: Of all parameters trained; its step hooks fire at each update that is made, at no other time.
        device: Where the network runs.

    Raises:
        OptionError: The precision is not to be had here.
    """

    def __init__(self, options: EngineOptions, optimizer: Optimizer, device: torch.device) -> None:
        self.options = options
        self.optimizer = optimizer
        self.device = device
        self.scaler = grad_scaler(options.amp, device)

    def begins_update(self, iteration: int) -> bool:
        """Tell whether ``iteration`` is the first batch of an update."""
        return (iteration - 1) % self.options.accumulate == 0

    def ends_update(self, iteration: int) -> bool:
        """Tell whether ``iteration`` is the last batch of an update."""
        return iteration % self.options.accumulate == 0

    def autocast(self) -> ContextManager[Any]:
        """Return the block for the network's pass."""
        return autocast(self.options.amp, self.device)

    def prepared(self, lq: Tensor) -> Tensor:
        """Return the input in the memory format of the network."""
        return lq.contiguous(memory_format=torch.channels_last) if self.options.channels_last else lq

    @contextlib.contextmanager
    def unsynchronised(self, iteration: int, *nets: nn.Module) -> Iterator[None]:
        """Let processes keep their gradients to themselves until the last batch of an update."""
        with contextlib.ExitStack() as stack:
            if not self.ends_update(iteration):
                for net in nets:
                    if isinstance(net, DistributedDataParallel):
                        stack.enter_context(net.no_sync())
            yield

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of ``loss`` as one of ``accumulate`` batches."""
        if self.options.accumulate > 1:
            loss = loss / self.options.accumulate
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def gradient_norm(self) -> Tensor:
        """Return the total norm (L2, unscaled, before clipping) of the gradients of an update, and clip them.

        A tensor on the device: reading it waits for the device, which is for the caller to decide.
        """
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        if self.options.grad_clip is not None:
            return nn.utils.clip_grad_norm_(self._parameters(), self.options.grad_clip)
        return flat_norm([p.grad for p in self._parameters() if p.grad is not None], self.device)

    def update(self) -> None:
        """Change the weights by the gradients of an update."""
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()

    def leave_out(self, overflow: bool) -> None:
        """Drop the gradients of an update; ``overflow``: they were too large for fp16, so scale less from now on."""
        if self.scaler is not None:
            # Its state of this update has to be closed in any case.
            self.scaler.update(None if overflow else self.scaler.get_scale())
        self.optimizer.zero_grad()

    def state(self, iteration: int) -> Dict[str, Any]:
        """Return the scaler's state and, inside an update, the gradients so far (of this process, on the CPU)."""
        gradients: Optional[List[Optional[Tensor]]] = None
        if not self.ends_update(iteration):
            gradients = [None if p.grad is None else p.grad.detach().cpu() for p in self._parameters()]
        return {'scaler': self.scaler.state_dict() if self.scaler is not None else None, 'gradients': gradients}

    def load_state(self, state: Dict[str, Any]) -> None:
        """Continue from :meth:`state`."""
        if self.scaler is not None and state['scaler'] is not None:
            self.scaler.load_state_dict(state['scaler'])
        for parameter, gradient in zip(self._parameters(), state['gradients'] or []):
            if gradient is not None:
                # Of the parameter's strides, as autograd makes them.
                parameter.grad = torch.empty_like(parameter).copy_(gradient)

    def _parameters(self) -> List[nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group['params']]


def total_norm(gradients: List[Tensor], device: torch.device) -> Tensor:
    """Return the L2 norm of all entries of ``gradients``; it is finite only where they are."""
    if not gradients:
        return torch.zeros((), device=device)
    if hasattr(nn.utils, 'get_total_norm'):
        return nn.utils.get_total_norm(gradients)
    return torch.norm(torch.stack([torch.norm(gradient) for gradient in gradients]))


def flat_norm(gradients: List[Tensor], device: torch.device) -> Tensor:
    """Return what :func:`total_norm` does, to rounding, in a few calls.

    A network of 1,600 tensors takes 1,600 norms otherwise, and the processor longer to ask for them than a GPU to
    compute them. On a GPU tensors that differ in their first side alone are copied into one and take one norm together;
    on a CPU the copy would cost more than the norms, which are one call.
    """
    if len({(gradient.device, gradient.dtype) for gradient in gradients}) != 1:
        return total_norm(gradients, device)
    if gradients[0].device.type == 'cpu':
        foreach_norm = getattr(torch, '_foreach_norm', None)
        return (
            total_norm(gradients, device) if foreach_norm is None else torch.norm(torch.stack(foreach_norm(gradients)))
        )
    return _norm_of_rows(gradients)


def _norm_of_rows(gradients: List[Tensor]) -> Tensor:
    alike: Dict[torch.Size, List[Tensor]] = {}
    for gradient in gradients:
        alike.setdefault(gradient.shape[1:], []).append(gradient if gradient.dim() else gradient.view(1))
    return torch.norm(torch.stack([torch.norm(torch.cat(each)) for each in alike.values()]))
