"""Single entries of parameters that no optimizer step changes (BSPA, NeurIPS 2023, Algorithm 1, line 8)."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bsr_plugins.common.errors import CheckpointError, DataError
from bsr_plugins.optim.frozen_tensor import FrozenTensor
from bsr_plugins.optim.step_hooks import after_each_step

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
        self._frozen: Dict[str, FrozenTensor] = {}
        #: The calls that write the held values; none, where they have to be made anew.
        self._writers: List[Callable[[], Tensor]] = []
        self._addresses: List[Callable[[], int]] = []
        self._strides: List[Callable[[], Tuple[int, ...]]] = []
        self._written_to: Tuple[Any, ...] = ()
        self._enabled = True
        self._detach: Optional[Callable[[], None]] = after_each_step(optimizer, self.restore)

    @property
    def count(self) -> int:
        """Number of frozen entries."""
        return sum(frozen.index.numel() for frozen in self._frozen.values())

    @property
    def index_bytes(self) -> int:
        """Memory that the indices take."""
        return sum(frozen.index.numel() * frozen.index.element_size() for frozen in self._frozen.values())

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
            self._writers = []
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
                raise DataError(
                    'A mask of frozen entries belongs to no parameter',
                    where=name,
                    expected=', '.join(list(self.parameters)[:5]),
                )
            expected = tuple(self.parameters[name].shape)
            if mask.dtype != torch.bool or tuple(mask.shape) != expected:
                raise DataError(
                    'A mask of frozen entries does not fit its parameter',
                    where=name,
                    expected=f'bool of shape {expected}',
                    found=f'{mask.dtype} of {tuple(mask.shape)}',
                )
        frozen = {}
        for name, mask in masks.items():
            index = mask.reshape(-1).nonzero().flatten()
            if index.numel():
                frozen[name] = FrozenTensor(name, self.parameters[name], index)
        self._frozen, self._writers = frozen, []

    def release(self) -> None:
        """Freeze nothing any more."""
        self._frozen, self._writers = {}, []

    def masks(self) -> Dict[str, Tensor]:
        """Return a bool mask (True: frozen) for every one of ``named_parameters``."""
        masks = {name: torch.zeros(p.shape, dtype=torch.bool, device=p.device) for name, p in self.parameters.items()}
        for name, frozen in self._frozen.items():
            masks[name].view(-1)[frozen.row_major_index().long().to(masks[name].device)] = True
        return masks

    @torch.no_grad()
    def restore(self) -> None:
        """Write the held values back; the optimizer's hook calls it after each step."""
        if not self._enabled or not self._frozen:
            return
        if not self._writers or self._place() != self._written_to:
            self._writers = [frozen.writer() for frozen in self._frozen.values()]
            parameters = [frozen.parameter for frozen in self._frozen.values()]
            self._addresses = [parameter.data_ptr for parameter in parameters]
            self._strides = [parameter.stride for parameter in parameters]
            self._written_to = self._place()
        for write in self._writers:
            write()

    def _place(self) -> Tuple[Any, ...]:
        """Return what the calls that write hold for: where the parameters are, and torch's choice of algorithms.

        Two lists of calls that are looked up beforehand: at every step of hundreds of tensors each lookup is felt.
        """
        addresses = [address() for address in self._addresses]
        return addresses, [strides() for strides in self._strides], torch.are_deterministic_algorithms_enabled()

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
            raise CheckpointError(
                'The state of the frozen entries cannot be read',
                expected=f'version {STATE_VERSION}',
                found=state.get('version') if isinstance(state, Mapping) else type(state).__name__,
            )
        frozen = {}
        for name, saved in state['tensors'].items():
            if name not in self.parameters:
                raise CheckpointError(
                    'The state of the frozen entries names a parameter that the network lacks',
                    where=name,
                    expected=', '.join(list(self.parameters)[:5]),
                )
            frozen[name] = FrozenTensor.from_state(name, self.parameters[name], saved)
        self._frozen, self._writers = frozen, []
        self._enabled = bool(state['enabled'])
