"""FSRCNN (Dong et al., ECCV 2016), the small network of BSPA's and FPL's tables, size-exact at every scale."""

from __future__ import annotations

import math
from typing import Iterator

import torch
from torch import nn

from bsr_plugins.archs.network_options import FSRCNN as OPTIONS

_DEFAULTS = OPTIONS.defaults


class FSRCNN(nn.Module):
    """Feature extraction 5x5, shrinking 1x1, ``m`` mappings 3x3, expanding 1x1, deconvolution 9x9.

    Every convolution but the last is followed by a PReLU of one parameter. RGB with d=56, s=12, m=4 has 24,518
    parameters at any scale: 24,336 convolution weights, 175 biases, 7 PReLUs.

    Departures from the ECCV paper, as in BSPA: RGB instead of luma; the deconvolution pads 4 and has output padding
    ``upscale - 1``, so that the output is exactly ``upscale`` times the input.

    ``variant: fpl`` is the network of FPL's code: nothing between the mappings, one PReLU after the last of them, so 4
    PReLUs and 24,515 parameters; the deconvolution pads 3, output padding 1 at x4. (That has the output's size at x4
    alone. Here the output padding is ``upscale - 3`` at x3 and above; below x3 no padding of 3 fits: it pads 4.)

    What it starts from, ``init``:
        ``eccv``: the paper's. Normal, std ``sqrt(2 / (k^2 * out_channels))``, the deconvolution's .001; biases 0.
        ``torch``: PyTorch's own for every layer.
        ``fpl``: FPL's code. He's normal by the inputs, times .1, and biases 0 in the convolutions; PyTorch's own in the
            deconvolution, which that code leaves out.

    Args:
        num_in_ch: Channels of the input.
        num_out_ch: Channels of the output.
        upscale: Upscaling factor.
        d: Channels of the features.
        s: Channels of the mappings.
        m: Number of mappings.
        variant: ``eccv`` or ``fpl``, above.
        init: ``eccv``, ``torch`` or ``fpl``, above.

    Input (N, num_in_ch, H, W), output (N, num_out_ch, H * upscale, W * upscale), both in [0, 1].

    Raises:
        OptionError: An option has a wrong value.
    """

    def __init__(
        self,
        num_in_ch: int = _DEFAULTS.num_in_ch,
        num_out_ch: int = _DEFAULTS.num_out_ch,
        upscale: int = _DEFAULTS.upscale,
        d: int = _DEFAULTS.d,
        s: int = _DEFAULTS.s,
        m: int = _DEFAULTS.m,
        variant: str = _DEFAULTS.variant,
        init: str = _DEFAULTS.init,
    ) -> None:
        super().__init__()
        OPTIONS.check(
            num_in_ch=num_in_ch, num_out_ch=num_out_ch, upscale=upscale, d=d, s=s, m=m, variant=variant, init=init
        )
        self.upscale = upscale
        self.feature = nn.Sequential(nn.Conv2d(num_in_ch, d, 5, padding=2), nn.PReLU())
        self.shrink = nn.Sequential(nn.Conv2d(d, s, 1), nn.PReLU())
        self.mapping = nn.Sequential(*_mappings(s, m, is_fpls=variant == 'fpl'))
        self.expand = nn.Sequential(nn.Conv2d(s, d, 1), nn.PReLU())
        padding = 3 if variant == 'fpl' and upscale >= 3 else 4
        self.deconv = nn.ConvTranspose2d(
            d, num_out_ch, 9, stride=upscale, padding=padding, output_padding=upscale + 2 * padding - 9
        )
        if init == 'eccv':
            self._initialize()
        elif init == 'fpl':
            self._initialize_as_fpl()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the super-resolved ``x``."""
        return self.deconv(self.expand(self.mapping(self.shrink(self.feature(x)))))

    def _initialize(self) -> None:
        """Normal, as in the paper: std ``sqrt(2 / (k^2 * out_channels))`` before a PReLU, deconvolution .001."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        nn.init.normal_(self.deconv.weight, std=0.001)
        for name, parameter in self.named_parameters():
            if name.endswith('.bias'):
                nn.init.zeros_(parameter)

    def _initialize_as_fpl(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight)
                module.weight.data.mul_(0.1)
                nn.init.zeros_(module.bias)


def _mappings(channels: int, count: int, is_fpls: bool) -> Iterator[nn.Module]:
    for index in range(count):
        yield nn.Conv2d(channels, channels, 3, padding=1)
        if not is_fpls or index == count - 1:
            yield nn.PReLU()
