"""SRResNet (Ledig et al., CVPR 2017) with batch normalization, as FPL trains it: the middle network of its tables."""

from __future__ import annotations

import math
from typing import List

import torch
from torch import nn

from bsr_plugins.archs.network_options import SRRESNET

_DEFAULTS = SRRESNET.defaults


class SRResNet(nn.Module):
    """``exit(upsample(x_0 + mid(blocks(x_0))))`` with ``x_0 = PReLU(entry(x))``; no image is added to the output.

    ``entry`` and ``exit`` are 9x9 convolutions; a block is ``x + BN(conv(PReLU(BN(conv(x)))))``, 3x3; ``mid`` a 3x3
    convolution with batch normalization; each stage of ``upsample`` a 3x3 convolution, PixelShuffle and PReLU.
    BasicSR's MSRResNet is another network: without batch normalization, 3x3 at both ends, on a bilinear image.

    Parameters with 64 features and 16 blocks: 74,113 a block, 15,617 ``entry``, 37,056 ``mid``, 15,555 ``exit``;
    upsampler 147,713, 332,353 and 295,426 at x2, x3 and x4: 1,401,749, 1,586,389 and 1,549,462 in all, FPL's "1.5M".
    Weights start normal, std ``sqrt(2 / (k^2 * out_channels))``, biases at 0 (FPL's code).

    Departures: FPL's code is x4 alone; x2 and x3 are built alike, x3 by one PixelShuffle(3). Its output has no tanh, as
    in FPL's code.

    Args:
        num_in_ch: Channels of the input.
        num_out_ch: Channels of the output.
        num_feat: Channels of the features.
        num_block: Number of residual blocks.
        upscale: Upscaling factor; 1 has no upsampler.

    Input (N, num_in_ch, H, W) in [0, 1], output (N, num_out_ch, H * upscale, W * upscale).

    Raises:
        OptionError: An option has a wrong value.
    """

    def __init__(
        self,
        num_in_ch: int = _DEFAULTS.num_in_ch,
        num_out_ch: int = _DEFAULTS.num_out_ch,
        num_feat: int = _DEFAULTS.num_feat,
        num_block: int = _DEFAULTS.num_block,
        upscale: int = _DEFAULTS.upscale,
    ) -> None:
        super().__init__()
        SRRESNET.check(
            num_in_ch=num_in_ch, num_out_ch=num_out_ch, num_feat=num_feat, num_block=num_block, upscale=upscale
        )
        self.upscale = upscale
        self.entry = nn.Sequential(nn.Conv2d(num_in_ch, num_feat, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(*(_Block(num_feat) for _ in range(num_block)))
        self.mid = nn.Sequential(nn.Conv2d(num_feat, num_feat, 3, padding=1), nn.BatchNorm2d(num_feat))
        self.upsample = nn.Sequential(*_stages(num_feat, upscale))
        self.exit = nn.Conv2d(num_feat, num_out_ch, 9, padding=4)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the super-resolved ``x``."""
        first = self.entry(x)
        return self.exit(self.upsample(first + self.mid(self.blocks(first))))


class _Block(nn.Module):
    def __init__(self, num_feat: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(num_feat, num_feat, 3, padding=1),
            nn.BatchNorm2d(num_feat),
            nn.PReLU(),
            nn.Conv2d(num_feat, num_feat, 3, padding=1),
            nn.BatchNorm2d(num_feat),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape."""
        return x + self.body(x)


def _stages(num_feat: int, upscale: int) -> List[nn.Module]:
    factors = [3] if upscale == 3 else [2] * (upscale.bit_length() - 1)
    layers: List[nn.Module] = []
    for factor in factors:
        layers += [nn.Conv2d(num_feat, num_feat * factor**2, 3, padding=1), nn.PixelShuffle(factor), nn.PReLU()]
    return layers
