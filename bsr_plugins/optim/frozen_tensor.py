"""The frozen entries of one parameter: which they are, what they hold, and how they are written back."""

from __future__ import annotations

import functools
from typing import Any, Callable, Dict, Mapping, Optional

import torch
from torch import Tensor, nn

from bsr_plugins.common.errors import CheckpointError, DataError
from bsr_plugins.optim.memory_order import flat_view, memory_order, reorder_indices


class FrozenTensor:
    """The frozen entries of one parameter: flat indices in the order of its memory, and the values to hold.

    The parameter may move to another device, get other storage (``.data``), memory format or precision: it is followed.

    Args:
        name: For error messages.
        parameter: The parameter.
        index: Flat row-major indices of the frozen entries, 1-D.
        values: What to hold, in the order of the indices; None: the present values.

    Raises:
        DataError: Also from the methods: the parameter has changed its shape since.
    """

    def __init__(self, name: str, parameter: nn.Parameter, index: Tensor, values: Optional[Tensor] = None) -> None:
        self.name = name
        self.parameter = parameter
        self.shape = tuple(parameter.shape)
        self.index = index
        self.order = tuple(range(parameter.dim()))
        self.values = parameter.new_empty(0) if values is None else values
        self._bind()
        if values is None:
            self.take_values()

    def take_values(self) -> None:
        """Hold what the parameter has now."""
        self._rebind_if_moved()
        self.values = self.flat[self.index.long()]

    def writer(self) -> Callable[[], Tensor]:
        """Return the call that writes the values held now into the parameter where it is now."""
        self._rebind_if_moved()
        # put_ takes less than half of scatter_'s time on the processor; torch refuses it where it has to repeat itself.
        puts = self.index.dtype == torch.int64 and self.flat.device.type in ('cpu', 'cuda')
        if puts and not torch.are_deterministic_algorithms_enabled():
            return functools.partial(self.flat.put_, self.index, self.values)
        return functools.partial(self.flat.scatter_, 0, self.index, self.values)

    def row_major_index(self) -> Tensor:
        """Return the flat indices as a contiguous tensor of the parameter's shape has them."""
        return reorder_indices(self.index, self.shape, self.order, range(len(self.shape)))

    def state(self) -> Dict[str, Any]:
        """Return shape, row-major indices and values, on the CPU."""
        narrow = torch.int32 if self.parameter.numel() < 2**31 else torch.int64
        index, places = self.row_major_index().sort()
        return {'shape': list(self.shape), 'index': index.to('cpu', narrow), 'values': self.values[places].cpu()}

    @classmethod
    def from_state(cls, name: str, parameter: nn.Parameter, saved: Mapping[str, Any]) -> FrozenTensor:
        """Build from :meth:`state`, with its values.

        Raises:
            CheckpointError: The state is of another shape or damaged.
        """
        if tuple(saved.get('shape', ())) != tuple(parameter.shape):
            raise CheckpointError(
                'The state of the frozen entries has a parameter of another shape',
                where=name,
                expected=tuple(parameter.shape),
                found=tuple(saved.get('shape', ())),
            )
        index, values = saved.get('index', torch.zeros(0)).long(), saved.get('values', torch.zeros(0))
        inside = index.numel() == 0 or (int(index.min()) >= 0 and int(index.max()) < parameter.numel())
        if index.dim() != 1 or values.shape != index.shape or not inside:
            raise CheckpointError(
                'The state of the frozen entries is damaged',
                where=name,
                expected=f'as many values as indices, all in 0 .. {parameter.numel() - 1}',
                found=f'{tuple(index.shape)} indices, {tuple(values.shape)} values',
            )
        return cls(name, parameter, index, values.clone())

    def _bind(self) -> None:
        # The flat view is kept: making one at each step would cost as much as the writing. It holds on to its storage,
        # so an equal address is the same memory.
        data = self.parameter.detach()
        if tuple(data.shape) != self.shape:
            raise DataError(
                'A parameter with frozen entries has changed its shape',
                where=self.name,
                expected=self.shape,
                found=tuple(data.shape),
                remedy='freeze again after changing it',
            )
        order = memory_order(data)
        index = reorder_indices(self.index, self.shape, self.order, order)
        self.index = index.to(data.device, _index_dtype(data, index.numel()))
        self.order = order
        self.values = self.values.to(data.device, data.dtype)
        self.flat = flat_view(data)
        self.address, self.strides = data.data_ptr(), data.stride()

    def _rebind_if_moved(self) -> None:
        # `.to(device)`, a swapped `.data` or another memory format leave the old view behind.
        if self.parameter.data_ptr() != self.address or self.parameter.stride() != self.strides:
            self._bind()


def _index_dtype(data: Tensor, count: int) -> torch.dtype:
    """Return int64, the faster one, up to one byte a parameter; beyond, int32 where this torch scatters by it."""
    if 8 * count <= data.numel() or data.numel() >= 2**31:
        return torch.int64
    return torch.int32 if _scatters_by_int32(data.device.type) else torch.int64


@functools.lru_cache(maxsize=None)
def _scatters_by_int32(device: str) -> bool:
    try:
        torch.zeros(1, device=device).scatter_(
            0, torch.zeros(1, dtype=torch.int32, device=device), torch.ones(1, device=device)
        )
    except RuntimeError:
        return False
    return True
