"""The features before a network's upsampler: where they are, and how to take them while the network runs."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from bsr_plugins.archs.network_options import SIGMA_TAP
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.runs.random_states import preserved_random_states

AUTO = SIGMA_TAP.default

#: The module whose input are the features after the long skip, looked for in this order: EDSR, RCAN, CARN, BSRNet,
#: SRResNet, MSRN and SwinIR with either PixelShuffle; MSRResNet; FSRCNN and IDN; SwinIR with nearest+conv, where what
#: follows is upscaled already; VDSR, whose features have the output's size.
UPSAMPLERS = ('upsample', 'upconv1', 'deconv', 'conv_before_upsample', 'reconstruction')

_SHOWN_CANDIDATES = 40


def find_tap(net: nn.Module, name: str = AUTO) -> Tuple[str, nn.Module]:
    """Return the module whose *input* are the features, with its name as of ``net.named_modules()``.

    The input of the upsampler, rather than the output of what stands before it, so that the long skip is in it.

    Args:
        net: A network; DataParallel, DistributedDataParallel and torch.compile are looked through.
        name: A module of ``net``, or ``auto``: the first of ``upsample``, ``upconv1``, ``deconv``,
            ``conv_before_upsample``, ``reconstruction`` that ``net`` has, or the base of a BicubicResidual. That is
            right for BasicSR's EDSR, RCAN, MSRResNet and SwinIR, for the networks of the pack, and for what is built
            alike.

    Raises:
        OptionError: No such module; candidates are listed.
    """
    net = bare_network(net)
    if name != AUTO:
        modules = dict(net.named_modules())
        if name and name in modules:
            return name, modules[name]
        raise OptionError(
            f'{type(net).__name__} has no module of that name',
            where='sigma_tap',
            expected=f'{AUTO}, or the module whose input the features are: {_candidates(net)}',
            found=repr(name),
            remedy=did_you_mean(str(name), [key for key in modules if key]),
        )
    prefix, inner = _inner(net)
    children = dict(inner.named_children())
    for upsampler in UPSAMPLERS:
        if upsampler in children:
            return prefix + upsampler, children[upsampler]
    raise OptionError(
        f'the features before the upsampler of {type(inner).__name__} are not known',
        where='sigma_tap',
        expected=f'one of its modules: {_candidates(net)}',
        found=AUTO,
        remedy='set sigma_tap to the module that the features before the upsampler go into',
    )


def tap_shape(net: nn.Module, tap: str = AUTO, example: Optional[Tensor] = None) -> Tuple[int, int]:
    """Return channels of the features at ``tap`` and how often they have the input's size, by a pass without a trace.

    It runs in eval mode without gradients; the mode of each module and the random states are put back.

    Args:
        net: The network, as for :func:`find_tap`.
        tap: ``auto`` or a module name.
        example: An input of ``net``; by default zeros of 16 x 16, or of whole windows where ``net`` has a
            ``window_size``.

    Raises:
        OptionError: See :func:`find_tap` and :meth:`FeatureTap.take`.
    """
    net = bare_network(net)
    features = FeatureTap(net, tap)
    example = _example(net) if example is None else example
    modes = [(module, module.training) for module in net.modules()]
    try:
        net.eval()
        with torch.no_grad(), preserved_random_states(), features:
            net(example)
    finally:
        for module, mode in modes:
            module.training = mode
    taken = features.take()
    return taken.shape[1], max(1, taken.shape[-1] // example.shape[-1])


class FeatureTap:
    """Keeps what goes into the tapped module, with its graph, while the network runs; the output is not touched.

    ::

        tap = FeatureTap(net, 'auto')
        with tap:
            sr = net(lq)
        sigma = branch(tap.take())

    Under DistributedDataParallel each process keeps its own features, and their gradient reaches the network's
    parameters in the same backward pass. Under DataParallel the hook runs on each replica; ``take`` puts the parts
    together on the first device, in the order of the batch. It pickles and copies, without the features. A compiled
    network must be tapped with :meth:`attach` before its first pass: hooks that come later are ignored by it.

    Args:
        net: The network, as for :func:`find_tap`.
        name: ``auto`` or a module name.

    Attributes:
        name: The name of the tapped module.

    Raises:
        OptionError: See :func:`find_tap`.
    """

    def __init__(self, net: nn.Module, name: str = AUTO) -> None:
        self.name, self._module = find_tap(net, name)
        self._network = type(bare_network(net)).__name__
        self._device_ids: List[int] = list(net.device_ids) if isinstance(net, DataParallel) else []
        self._kept: Dict[torch.device, Tensor] = {}
        self._handle: Optional[Any] = None

    def __enter__(self) -> FeatureTap:
        return self.attach()

    def __exit__(self, *exception: Any) -> None:
        self.remove()

    def attach(self) -> FeatureTap:
        """Start to keep the features of each pass, the last pass's alone."""
        self._kept.clear()
        if self._handle is None:
            self._handle = self._module.register_forward_pre_hook(self._keep)
        return self

    def remove(self) -> None:
        """Stop; what the last pass left can still be taken."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def take(self) -> Tensor:
        """Return the features (N, C, H, W) of the last pass, once: they are forgotten here.

        Raises:
            OptionError: The tapped module has not run, or what it got is no feature map.
        """
        parts, self._kept = self._kept, {}
        if not parts:
            raise OptionError(
                f"the module '{self.name}' of {self._network} did not run",
                where='sigma_tap',
                expected='a module that every forward pass of the network runs',
                remedy=f'set sigma_tap to {AUTO}, or to another module',
            )
        for part in parts.values():
            if part.dim() != 4:
                raise OptionError(
                    f"the input of '{self.name}' of {self._network} is no feature map",
                    where='sigma_tap',
                    expected='(N, C, H, W)',
                    found=tuple(part.shape),
                    remedy=f'set sigma_tap to {AUTO}, or to another module',
                )
        # Scattered in the order of device_ids.
        order = {index: place for place, index in enumerate(self._device_ids)}
        ordered = sorted(parts.values(), key=lambda part: order.get(part.device.index, 0))
        return ordered[0] if len(ordered) == 1 else torch.cat([part.to(ordered[0].device) for part in ordered])

    def _keep(self, module: nn.Module, inputs: Tuple[Any, ...]) -> None:
        for value in inputs[:1]:
            if isinstance(value, Tensor):
                self._kept[value.device] = value

    def __getstate__(self) -> Dict[str, Any]:
        # Tensors inside a graph can be neither pickled nor copied.
        return {**self.__dict__, '_kept': {}}


def bare_network(net: nn.Module) -> nn.Module:
    """Return ``net`` without DataParallel, DistributedDataParallel and torch.compile around it."""
    while True:
        inner = net.module if isinstance(net, (DataParallel, DistributedDataParallel)) else None
        inner = getattr(net, '_orig_mod', inner)
        if not isinstance(inner, nn.Module):
            return net
        net = inner


def _inner(net: nn.Module) -> Tuple[str, nn.Module]:
    from bsr_plugins.archs.bicubic_residual_arch import BicubicResidual

    return ('base.', net.base) if isinstance(net, BicubicResidual) else ('', net)


def _candidates(net: nn.Module) -> str:
    prefix, inner = _inner(net)
    names: List[str] = []
    for name, child in inner.named_children():
        # A ModuleList itself never runs.
        names += [f'{name}.{index}' for index in range(len(child))] if isinstance(child, nn.ModuleList) else [name]
    shown = [prefix + name for name in names[-_SHOWN_CANDIDATES:]]
    return ', '.join(['...', *shown] if len(shown) < len(names) else shown)


def _example(net: nn.Module) -> Tensor:
    sizes = (getattr(module, 'window_size', None) for module in net.modules())
    window = max((size for size in sizes if isinstance(size, int)), default=1)
    size = window * -(-16 // window)
    channels = next((module.in_channels for module in net.modules() if isinstance(module, nn.Conv2d)), 3)
    like = next(net.parameters(), torch.zeros(()))
    return torch.zeros(1, channels, size, size, dtype=like.dtype, device=like.device)
