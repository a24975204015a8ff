"""What a network costs: its parameters, and its multiply-accumulates (MACs) for a 1280 x 720 output."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bsr_plugins.common.errors import DependencyError, OptionError

if TYPE_CHECKING:
    from torch import nn

#: Width and height of the output that MACs are given for.
OUTPUT = (1280, 720)
_SIDE = 32


class NetworkCosts(NamedTuple):
    """``parameters``: all of them; ``macs``: of one RGB image of ``OUTPUT``."""

    parameters: int
    macs: float


def network_costs(network: nn.Module, scale: int, window: int = 1) -> NetworkCosts:
    """Return the costs of a network.

    MACs are those of convolutions and matrix products, by torch's own counter (half of its FLOPs). They are counted on
    two small inputs and taken to the size: a + b * pixels, which is exact for networks of convolutions, channel
    attention and attention inside windows. What x3 would make 426.67 pixels wide counts as that.

    Args:
        network: In evaluation mode, on the CPU.
        scale: Upscaling factor.
        window: Side of its attention windows.

    Raises:
        DependencyError: This torch has no counter.
        OptionError: The network does not take RGB images of the size.
    """
    side = _SIDE + -_SIDE % window
    small, large = (count_macs(network, side, width) for width in (side, 2 * side))
    per_pixel = (large - small) / side**2
    pixels = OUTPUT[0] * OUTPUT[1] / scale**2
    return NetworkCosts(
        sum(parameter.numel() for parameter in network.parameters()), large + per_pixel * (pixels - 2 * side**2)
    )


def count_macs(network: nn.Module, height: int, width: int) -> int:
    """Return the MACs of one RGB image of ``height`` x ``width`` LR pixels.

    Raises:
        DependencyError, OptionError: See :func:`network_costs`.
    """
    import torch

    try:
        from torch.utils.flop_counter import FlopCounterMode
    except ImportError as error:
        raise DependencyError(
            'MACs are counted by torch.utils.flop_counter, which this torch does not have',
            expected='torch >= 2.1',
            found=torch.__version__,
            remedy='report with a newer torch',
        ) from error
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter:
            network(torch.zeros(1, 3, height, width))
    except RuntimeError as error:
        raise OptionError(
            f'{type(network).__name__} takes no RGB image of {width} x {height} pixels', found=error
        ) from error
    return counter.get_total_flops() // 2
