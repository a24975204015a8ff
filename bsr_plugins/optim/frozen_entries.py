"""Single entries of parameters that no optimizer step changes (BSPA, NeurIPS 2023, Algorithm 1, line 8)."""
from __future__ import annotations

import contextlib
import functools
import types
from typing import Any, Callable, Dict, Iterator, Mapping, Optional

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bsr_plugins.errors import CheckpointError, DataError
from bsr_plugins.optim.memory_order import flat_view, memory_order, reorder_indices

STATE_VERSION = 1


class FrozenEntries:
    """Holds chosen entries of parameters at their values, whatever the optimizer does.

    After each ``optimizer.step()`` the frozen entries are written back, bit for bit, so that momentum, weight decay,
    fused and foreach kernels, and steps that a GradScaler skips make no difference; their gradients still flow and the
    optimizer's statistics go on. Zeroing gradients instead would be wrong with Adam: its momentum keeps moving them.

    Memory: an index and a value for each frozen entry; the indices of a tensor take at most one byte for each of its
    entries up to a frozen quarter (int64 up to an eighth, then int32 where torch scatters by it).

    Args:
        optimizer: Any torch optimizer. Its step hooks are used (torch >= 2.0), else its ``step`` is wrapped.
        named_parameters: The parameters of which entries may be frozen; ``share`` refers to their number of entries.
    """

    def __init__(self, optimizer: Optimizer, named_parameters: Mapping[str, nn.Parameter]) -> None:
        self.optimizer = optimizer
        self.parameters: Dict[str, nn.Parameter] = dict(named_parameters)
        self._frozen: Dict[str, _FrozenTensor] = {}
        self._enabled = True
        self._detach: Optional[Callable[[], None]] = _after_each_step(optimizer, self.restore)

    @property
    def count(self) -> int:
        """Number of frozen entries."""
        return sum(frozen.index.numel() for frozen in self._frozen.values())

    @property
    def share(self) -> float:
        """Frozen share of all entries of ``named_parameters``, in [0, 1]."""
        return self.count / max(1, sum(p.numel() for p in self.parameters.values()))

    @property
    def enabled(self) -> bool:
        """Whether steps leave the frozen entries alone; switched on again, their values of that moment are held."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        if value and not self._enabled:
            for frozen in self._frozen.values():
                frozen.take_values()
        self._enabled = bool(value)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Inside the block steps move everything; afterwards the entries are held at the values they then have."""
        before = self.enabled
        self.enabled = False
        try:
            yield
        finally:
            self.enabled = before

    def freeze(self, masks: Mapping[str, Tensor]) -> None:
        """Freeze the entries that are True in ``masks``, at their present values, in place of those frozen before.

        Raises:
            DataError: A mask of no known parameter, not boolean, or of another shape; nothing is changed then.
        """
        for name, mask in masks.items():
            if name not in self.parameters:
                raise DataError('A mask of frozen entries belongs to no parameter', where=name,
                                expected=', '.join(list(self.parameters)[:5]))
            expected = tuple(self.parameters[name].shape)
            if mask.dtype != torch.bool or tuple(mask.shape) != expected:
                raise DataError('A mask of frozen entries does not fit its parameter', where=name,
                                expected=f'bool of shape {expected}', found=f'{mask.dtype} of {tuple(mask.shape)}')
        frozen = {}
        for name, mask in masks.items():
            index = mask.reshape(-1).nonzero().flatten()
            if index.numel():
                frozen[name] = _FrozenTensor(name, self.parameters[name], index)
        self._frozen = frozen

    def release(self) -> None:
        """Freeze nothing any more."""
        self._frozen = {}

    def masks(self) -> Dict[str, Tensor]:
        """Return a bool mask (True: frozen) for every one of ``named_parameters``."""
        masks = {name: torch.zeros(p.shape, dtype=torch.bool, device=p.device) for name, p in self.parameters.items()}
        for name, frozen in self._frozen.items():
            masks[name].view(-1)[frozen.row_major_index().long().to(masks[name].device)] = True
        return masks

    @torch.no_grad()
    def restore(self) -> None:
        """Write the held values back; the optimizer's hook calls it after each step."""
        if self._enabled:
            for frozen in self._frozen.values():
                frozen.restore()

    def remove(self) -> None:
        """Detach from the optimizer; nothing is held any more."""
        if self._detach is not None:
            self._detach()
            self._detach = None

    def state_dict(self) -> Dict[str, Any]:
        """Return indices, values and the switch: CPU tensors and plain values (``weights_only=True`` reads them)."""
        return {
            'version': STATE_VERSION,
            'enabled': self._enabled,
            'tensors': {name: frozen.state() for name, frozen in self._frozen.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`; the held values are the saved ones, whatever the parameters hold now.

        Raises:
            CheckpointError: The state is of another version, of other parameters or of other shapes; nothing is
                changed then.
        """
        if not isinstance(state, Mapping) or state.get('version') != STATE_VERSION:
            raise CheckpointError('The state of the frozen entries cannot be read',
                                  expected=f'version {STATE_VERSION}',
                                  found=state.get('version') if isinstance(state, Mapping) else type(state).__name__)
        frozen = {}
        for name, saved in state['tensors'].items():
            if name not in self.parameters:
                raise CheckpointError('The state of the frozen entries names a parameter that the network lacks',
                                      where=name, expected=', '.join(list(self.parameters)[:5]))
            frozen[name] = _FrozenTensor.from_state(name, self.parameters[name], saved)
        self._frozen = frozen
        self._enabled = bool(state['enabled'])


class _FrozenTensor:
    """The frozen entries of one parameter: flat indices in the order of its memory, and the values to hold."""

    def __init__(self, name: str, parameter: nn.Parameter, index: Tensor, values: Optional[Tensor] = None) -> None:
        """Take row-major indices; without values, the present ones."""
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

    def restore(self) -> None:
        """Write the held values into the parameter."""
        self._rebind_if_moved()
        self.flat.scatter_(0, self.index, self.values)

    def row_major_index(self) -> Tensor:
        """Return the flat indices as a contiguous tensor of the parameter's shape has them."""
        return reorder_indices(self.index, self.shape, self.order, range(len(self.shape)))

    def state(self) -> Dict[str, Any]:
        """Return shape, row-major indices and values, on the CPU."""
        narrow = torch.int32 if self.parameter.numel() < 2**31 else torch.int64
        index, places = self.row_major_index().sort()
        return {'shape': list(self.shape), 'index': index.to('cpu', narrow), 'values': self.values[places].cpu()}

    @classmethod
    def from_state(cls, name: str, parameter: nn.Parameter, saved: Mapping[str, Any]) -> _FrozenTensor:
        """Build from :meth:`state`, with its values."""
        if tuple(saved['shape']) != tuple(parameter.shape):
            raise CheckpointError('The state of the frozen entries has a parameter of another shape', where=name,
                                  expected=tuple(parameter.shape), found=tuple(saved['shape']))
        index, values = saved['index'].long(), saved['values']
        inside = index.numel() == 0 or (int(index.min()) >= 0 and int(index.max()) < parameter.numel())
        if index.dim() != 1 or values.shape != index.shape or not inside:
            raise CheckpointError('The state of the frozen entries is damaged', where=name,
                                  expected=f'as many values as indices, all in 0 .. {parameter.numel() - 1}',
                                  found=f'{tuple(index.shape)} indices, {tuple(values.shape)} values')
        return cls(name, parameter, index, values.clone())

    def _bind(self) -> None:
        # The flat view is kept: making one at each step would cost as much as the writing. It holds on to its storage,
        # so an equal address is the same memory.
        data = self.parameter.detach()
        if tuple(data.shape) != self.shape:
            raise DataError('A parameter with frozen entries has changed its shape', where=self.name,
                            expected=self.shape, found=tuple(data.shape), remedy='freeze again after changing it')
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
        torch.zeros(1, device=device).scatter_(0, torch.zeros(1, dtype=torch.int32, device=device),
                                               torch.ones(1, device=device))
    except RuntimeError:
        return False
    return True


def _after_each_step(optimizer: Optimizer, action: Callable[[], None]) -> Callable[[], None]:
    """Call ``action`` after each step of the optimizer; return what undoes it."""
    if hasattr(optimizer, 'register_step_post_hook'):
        return optimizer.register_step_post_hook(lambda *_: action()).remove
    return _wrap_step(optimizer, action)


def _wrap_step(optimizer: Optimizer, action: Callable[[], None]) -> Callable[[], None]:
    original = optimizer.step
    own = vars(optimizer).get('step')
    active = [True]

    # Schedulers look for a bound method with __func__ and for attributes that they left on it.
    @functools.wraps(original)
    def step(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if active[0]:
            action()
        return result

    wrapper = types.MethodType(step, optimizer)
    optimizer.step = wrapper

    def undo() -> None:
        active[0] = False
        if vars(optimizer).get('step') is not wrapper:
            return  # Somebody wrapped it again: what is left inside does nothing any more.
        if own is None:
            del optimizer.step
        else:
            optimizer.step = own

    return undo
