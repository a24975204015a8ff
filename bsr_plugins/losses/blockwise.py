"""Pixel losses as autograd functions with slopes in closed form, computed block by block in a processor's cache.

Written out in tensors of the size of the images, a loss is a dozen passes through memory, and autograd keeps most of
them. On a CPU each block of the images stays in the cache here from the first operation to the last; elsewhere the
whole batch is one block. Kept for the backward pass are the slopes and the memory that their product is written to.
"""

from __future__ import annotations

import abc
from typing import Any, Iterator, List, Optional, Tuple, Union

import torch
from torch import Tensor

#: Elements of a block for each thread: the least that torch gives one.
_BLOCK = 2**15
#: Which group of the batch a block belongs to; all of them, where the batch is one block.
Group = Union[int, slice]


class Formula(abc.ABC):
    """A loss of each element of e = pred - target, and its slope, the derivative by e.

    Statistics over more than an element (a mean, a minimum) are constants of the slope.

    Attributes:
        slope_is_constant: Whether the slope is the same on either side of a kink, so that its own derivative is 0.
        has_closed_form: Whether :meth:`write` covers these options; else torch differentiates the composite.
    """

    slope_is_constant = True
    has_closed_form = True

    def of(self, reduction: str, pred: Tensor, target: Tensor, *more: Tensor) -> Tensor:
        """Return the loss: its ``mean``, its ``sum``, or that of each element (``none``).

        Compiled code gets the composite, which the compiler fuses itself; so does a loss that is differentiated by
        more than ``pred`` and ``target``.
        """
        by_more = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in more)
        if by_more or not self.has_closed_form or _is_compiling():
            return _reduced(self.composite(pred, target, *more), reduction)
        return _BlockwiseLoss.apply(self, reduction, pred, target, *more)

    @abc.abstractmethod
    def composite(self, pred: Tensor, target: Tensor, *more: Tensor) -> Tensor:
        """Return the loss of each element by operations that torch differentiates; its definition."""

    @abc.abstractmethod
    def write(self, loss: Tensor, slope: Optional[Tensor], pred: Tensor, target: Tensor, *more: Tensor) -> None:
        """Write the loss of each element, the bits of :meth:`composite`, and where it is asked for the slope."""


class AbsoluteError(Formula):
    """|e|; its slope is sign(e)."""

    def composite(self, pred: Tensor, target: Tensor, *more: Tensor) -> Tensor:
        return (pred - target).abs()

    def write(self, loss: Tensor, slope: Optional[Tensor], pred: Tensor, target: Tensor, *more: Tensor) -> None:
        for _, value, steepness, output, truth in blocks(1, loss, slope, pred, target):
            error = torch.sub(output, truth, out=value)
            if steepness is not None:
                torch.sign(error, out=steepness)
            error.abs_()


def blocks(groups: int, *tensors: Optional[Tensor]) -> Iterator[Tuple[Any, ...]]:
    """Yield (group, block of each tensor): views of the same places of tensors of one shape; None stays None.

    On a CPU, contiguous tensors are cut into flat blocks, each of one of ``groups`` equal parts of the batch; otherwise
    the only block is the whole batch.
    """
    given = [tensor for tensor in tensors if tensor is not None]
    if not given[0].numel() or not all(tensor.device.type == 'cpu' and tensor.is_contiguous() for tensor in given):
        yield (slice(None), *tensors)
        return
    size = _BLOCK * torch.get_num_threads()
    rows = [None if tensor is None else tensor.detach().view(groups, -1) for tensor in tensors]
    for group in range(groups):
        for start in range(0, given[0].numel() // groups, size):
            yield (group, *(None if row is None else row[group, start : start + size] for row in rows))


def of_group(statistic: Tensor, group: Group) -> Tensor:
    """Return the statistic of a group, which has as many values as there are groups."""
    return statistic if isinstance(group, slice) else statistic.view(-1)[group]


class _BlockwiseLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, formula: Formula, reduction: str, pred: Tensor, target: Tensor, *more: Tensor) -> Tensor:
        loss = torch.empty_like(pred)
        slope = torch.empty_like(pred) if any(ctx.needs_input_grad[2:4]) else None
        formula.write(loss, slope, pred, target, *more)
        if slope is not None:
            ctx.save_for_backward(slope, *([] if formula.slope_is_constant else [pred, target]))
        ctx.formula, ctx.reduction, ctx.others = formula, reduction, len(more)
        # The gradient is written over the loss of each element, where nobody else has it.
        ctx.room = None if slope is None or reduction == 'none' else loss
        return _reduced(loss, reduction)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tuple[Any, ...]:
        slope, *images = ctx.saved_tensors
        by_pred, by_target = ctx.needs_input_grad[2:4]
        none: List[None] = [None] * ctx.others
        factor = grad / slope.numel() if ctx.reduction == 'mean' else grad
        if torch.is_grad_enabled():  # create_graph: what is returned is differentiated in its turn
            if images:
                wanted = [image for image, is_wanted in zip(images, (by_pred, by_target)) if is_wanted]
                loss = _reduced(ctx.formula.composite(*images), ctx.reduction)
                found = list(torch.autograd.grad(loss, wanted, grad, create_graph=True))
                return (None, None, found[0] if by_pred else None, found[-1] if by_target else None, *none)
            gradient = slope * factor
        else:
            room, ctx.room = ctx.room, None
            gradient = slope * factor if room is None else torch.mul(slope, factor, out=room)
        return (None, None, gradient if by_pred else None, -gradient if by_target else None, *none)


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    return loss if reduction == 'none' else loss.mean() if reduction == 'mean' else loss.sum()


def _is_compiling() -> bool:
    compiler = getattr(torch, 'compiler', None)
    if compiler is not None and hasattr(compiler, 'is_compiling'):
        return bool(compiler.is_compiling())
    dynamo = getattr(torch, '_dynamo', None)  # torch 2.0
    return dynamo is not None and bool(dynamo.is_compiling())
