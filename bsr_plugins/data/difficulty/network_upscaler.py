"""A network that is only run, in float32 or bfloat16."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional

if TYPE_CHECKING:
    import torch

FP32 = 'fp32'
BF16 = 'bf16'
# From so few channels on, oneDNN's convolution costs more than a matrix product and shifted sums.
_FEW_CHANNELS = 4


class NetworkUpscaler:
    """A network that is only run: evaluation mode, channels last (a fifth faster on CPU) where the network allows it.

    In bfloat16 its layers are computed by autocast, but for the last one that has weights: that and what the network
    adds to it are float32, since eight bits of mantissa cannot hold an image of 8 bits and its error.

    Args:
        network: Takes and gives (N, 3, H, W) in [0, 1]. It is set to evaluation mode and changes its memory format, and
            in bfloat16 its last layer's ``forward``.
        precision: ``fp32`` or ``bf16``.
    """

    def __init__(self, network: torch.nn.Module, precision: str = FP32) -> None:
        import torch

        self._network = network.eval().to(memory_format=torch.channels_last)
        self._format = torch.channels_last
        self._precision = precision
        self._is_prepared = precision == FP32

    def __call__(self, lr: torch.Tensor) -> torch.Tensor:
        """Return the super-resolved ``lr``, without a graph."""
        import torch

        with torch.no_grad():
            if not self._is_prepared:
                _compute_last_layer_in_float32(self._network, lambda: self._run(lr[:1]))
                self._is_prepared = True
            if self._precision == FP32:
                return self._run(lr)
            with torch.autocast(lr.device.type, torch.bfloat16):
                return self._run(lr)

    def _run(self, lr: torch.Tensor) -> torch.Tensor:
        import torch

        try:
            return self._network(lr.contiguous(memory_format=self._format))
        except RuntimeError as error:
            # What Tensor.view says of memory that is not in order: this network needs it in order.
            if self._format == torch.contiguous_format or 'view' not in str(error):
                raise
            self._format = torch.contiguous_format
            self._network.to(memory_format=self._format)
            return self._network(lr.contiguous())


def _compute_last_layer_in_float32(network: torch.nn.Module, run: Any) -> None:
    import torch

    layer = _last_layer(network, run)
    if layer is None:
        return
    forward = layer.forward
    if isinstance(layer, torch.nn.Conv2d) and _is_plain(layer):

        def forward(features: torch.Tensor) -> torch.Tensor:
            return _convolved(layer, features)

    def in_float32(features: torch.Tensor, *more: Any) -> torch.Tensor:
        with torch.autocast(features.device.type, enabled=False):
            return forward(features.float(), *more)

    layer.forward = in_float32


def _last_layer(network: torch.nn.Module, run: Any) -> Optional[torch.nn.Module]:
    """The layer with a matrix or filters that comes last in a forward pass; None: there is none."""
    seen: List[torch.nn.Module] = []
    hooks = [
        module.register_forward_hook(lambda layer, *_: seen.append(layer))
        for module in network.modules()
        if any(parameter.dim() > 1 for parameter in module.parameters(recurse=False))
    ]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return seen[-1] if seen else None


def _is_plain(layer: torch.nn.Conv2d) -> bool:
    """Whether it is a convolution to a few channels of its input's size, zeros around, on a processor."""
    side = layer.kernel_size[0]
    return (
        layer.out_channels <= _FEW_CHANNELS
        and layer.weight.device.type == 'cpu'
        and side % 2 == 1
        and layer.kernel_size == (side, side)
        and layer.stride == layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.padding == (side // 2, side // 2)
        and layer.padding_mode == 'zeros'
    )


def _convolved(layer: torch.nn.Conv2d, features: torch.Tensor) -> torch.Tensor:
    """What the layer computes: the product of pixels and filter taps, summed where the taps meet."""
    from torch.nn import functional

    count, channels, height, width = features.shape
    side = layer.kernel_size[0]
    taps = layer.weight.flip(2, 3).permute(0, 2, 3, 1).reshape(-1, channels)
    pixels = features.permute(0, 2, 3, 1).reshape(count, height * width, channels)
    out = functional.fold(taps @ pixels.transpose(1, 2), (height, width), side, padding=side // 2)
    return out if layer.bias is None else out.add_(layer.bias.reshape(1, -1, 1, 1))
