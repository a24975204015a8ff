"""FSRCNN (Dong et al., ECCV 2016), the small network of BSPA's and FPL's tables, size-exact at every scale."""

from __future__ import annotations

import math

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

    Args:
        num_in_ch: Channels of the input.
        num_out_ch: Channels of the output.
        upscale: Upscaling factor.
        d: Channels of the features.
        s: Channels of the mappings.
        m: Number of mappings.

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
    ) -> None:
        super().__init__()
        OPTIONS.check(num_in_ch=num_in_ch, num_out_ch=num_out_ch, upscale=upscale, d=d, s=s, m=m)
        self.upscale = upscale
        self.feature = nn.Sequential(nn.Conv2d(num_in_ch, d, 5, padding=2), nn.PReLU())
        self.shrink = nn.Sequential(nn.Conv2d(d, s, 1), nn.PReLU())
        self.mapping = nn.Sequential(
            *(layer for _ in range(m) for layer in (nn.Conv2d(s, s, 3, padding=1), nn.PReLU()))
        )
        self.expand = nn.Sequential(nn.Conv2d(s, d, 1), nn.PReLU())
        self.deconv = nn.ConvTranspose2d(d, num_out_ch, 9, stride=upscale, padding=4, output_padding=upscale - 1)
        self._initialize()

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
