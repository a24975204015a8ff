"""A network while images are attributed: frozen, in eval mode, afterwards as it was; padded to whole windows."""

from __future__ import annotations

import contextlib
from typing import Callable, Iterator, Tuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bsr_plugins.attribution.blur_path import reflected
from bsr_plugins.common.errors import OptionError

#: (N, C, h, w) -> (N, C', H, W), each image by itself.
Network = Callable[[Tensor], Tensor]


def place_of(net: Network, lq: Tensor) -> Tuple[torch.device, torch.dtype]:
    """Return the device and the precision in which ``lq`` is attributed: those of the network's parameters.

    A callable without parameters works where ``lq`` lies, in float32, or in float64 where ``lq`` is.

    Raises:
        OptionError: The parameters have half precision, in which differences along the path would be lost.
    """
    parameters = net.parameters() if isinstance(net, nn.Module) else iter(())
    first = next((each for each in parameters if each.is_floating_point()), None)
    if first is None:
        return lq.device, torch.float64 if lq.dtype == torch.float64 else torch.float32
    if first.dtype not in (torch.float32, torch.float64):
        raise OptionError(
            'Images are attributed in full precision',
            expected='a network in float32 or float64',
            found=first.dtype,
            remedy='network.float()',
        )
    return first.device, first.dtype


@contextlib.contextmanager
def frozen_in_eval(net: Network, device: torch.device) -> Iterator[Network]:
    """Inside the block gradients of inputs can be taken through the network that is handed out; nothing else moves.

    It is in eval mode, its parameters need no gradient, autocast is off; afterwards modes, ``requires_grad`` and the
    state of the random generators are as before. Of DistributedDataParallel the inner network is handed out. A callable
    that is no ``nn.Module`` is used as it is.
    """
    forward = net.module if isinstance(net, DistributedDataParallel) else net
    modules = list(forward.modules()) if isinstance(forward, nn.Module) else []
    parameters = list(forward.parameters()) if isinstance(forward, nn.Module) else []
    modes = [module.training for module in modules]
    needed = [each.requires_grad for each in parameters]
    cards = [device] if device.type == 'cuda' else []
    try:
        if isinstance(forward, nn.Module):
            forward.eval()
        for each in parameters:
            each.requires_grad_(False)
        with torch.random.fork_rng(cards), torch.inference_mode(False), torch.enable_grad(), torch.autocast(
            device.type, enabled=False
        ):
            yield forward
    finally:
        for module, mode in zip(modules, modes):
            module.training = mode
        for each, flag in zip(parameters, needed):
            each.requires_grad_(flag)


class InputFormat:
    """A network fed in the memory format that it is fastest in: channels last on the CPU, where it takes them.

    Measured there: 1.3 times as fast for FSRCNN, 1.5 times for EDSR.
    """

    def __init__(self, network: Network, device: torch.device) -> None:
        self._network = network
        self._format = torch.channels_last if device.type == 'cpu' else torch.contiguous_format

    def __call__(self, images: Tensor) -> Tensor:
        """Return the network's output."""
        try:
            return self._network(images.contiguous(memory_format=self._format))
        except RuntimeError as error:
            # What Tensor.view says of memory that is not in order: this network needs it in order.
            if self._format == torch.contiguous_format or 'view' not in str(error):
                raise
            self._format = torch.contiguous_format
            return self._network(images.contiguous())


class WholeWindows(nn.Module):
    """A network with attention windows (SwinIR) at any image size: reflected to whole windows, its output cut.

    Args:
        network: The network.
        window: Of which the sides of its input have to be multiples; 1 pads nothing.
    """

    def __init__(self, network: nn.Module, window: int = 1) -> None:
        super().__init__()
        self.network, self.window = network, window

    def forward(self, lq: Tensor) -> Tensor:
        """Return the SR image (N, C', h * scale, w * scale) of ``lq`` (N, C, h, w)."""
        height, width = lq.shape[-2:]
        below, right = -height % self.window, -width % self.window
        padded = reflected(lq, 0, below, 0, right) if below or right else lq
        sr = self.network(padded)
        scale = sr.shape[-2] // padded.shape[-2]
        return sr[..., : height * scale, : width * scale]
