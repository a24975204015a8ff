"""IDN (Hui et al., CVPR 2018): information distillation blocks on LR features, the residual on a bicubic image."""

from __future__ import annotations

from typing import List

import torch
from torch import nn

from bsr_plugins.archs.network_options import IDN as OPTIONS
from bsr_plugins.archs.network_options import IDN_GROUPS
from bsr_plugins.data.images.bicubic_resampling import upsample_bicubic

_DEFAULTS = OPTIONS.defaults
_SLOPE = 0.05


class IDN(nn.Module):
    """``bicubic(x) + deconv(blocks(feature(x)))``, the deconvolution 17x17.

    ``feature`` is two 3x3 convolutions; a block (DBlock) an enhancement unit and its 1x1 compression
    (:class:`DistillationBlock`). LeakyReLU of slope .05 after every convolution but the deconvolution; weights start as
    He's normal, biases at 0 (the authors' code).

    Parameters with 64 channels, 4 blocks, d = 16, s = 4, at any scale: 124,176 a block; on Y 37,568 ``feature`` and
    18,497 ``deconv``, 552,769 in all, the papers' "553K"; on RGB 38,720 and 55,491, 590,915 in all.

    Departures: the paper trains on Y and is given the bicubic image; here the network takes the LR image, in any
    channels, and upscales it. The deconvolution pads 8 and has output padding ``upscale - 1``, so that the output is
    exactly ``upscale`` times the input.

    Args:
        num_in_ch: Channels of the input.
        num_out_ch: Channels of the output; the same, since the image is added.
        num_feat: Channels of the features (D_3).
        num_block: Number of blocks.
        d: Difference of channels between neighbouring layers of an enhancement unit.
        s: One part in s of the lower half's output is kept as it is.
        upscale: Upscaling factor.
        bicubic: ``torch`` or ``matlab``, as for BicubicResidual.

    Input (N, num_in_ch, H, W) in [0, 1], output (N, num_out_ch, H * upscale, W * upscale).

    Raises:
        OptionError: An option has a wrong value, the channels do not divide, or input and output differ in channels.
    """

    def __init__(
        self,
        num_in_ch: int = _DEFAULTS.num_in_ch,
        num_out_ch: int = _DEFAULTS.num_out_ch,
        num_feat: int = _DEFAULTS.num_feat,
        num_block: int = _DEFAULTS.num_block,
        d: int = _DEFAULTS.d,
        s: int = _DEFAULTS.s,
        upscale: int = _DEFAULTS.upscale,
        bicubic: str = _DEFAULTS.bicubic,
    ) -> None:
        super().__init__()
        OPTIONS.check(
            num_in_ch=num_in_ch,
            num_out_ch=num_out_ch,
            num_feat=num_feat,
            num_block=num_block,
            d=d,
            s=s,
            upscale=upscale,
            bicubic=bicubic,
        )
        self.upscale = upscale
        self.bicubic = bicubic
        self.feature = nn.Sequential(*_layer(num_in_ch, num_feat), *_layer(num_feat, num_feat))
        self.blocks = nn.Sequential(*(DistillationBlock(num_feat, d, s) for _ in range(num_block)))
        self.deconv = nn.ConvTranspose2d(
            num_feat, num_out_ch, 17, stride=upscale, padding=8, output_padding=upscale - 1
        )
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, nonlinearity='relu')
                nn.init.zeros_(module.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the super-resolved ``x``."""
        residual = self.deconv(self.blocks(self.feature(x)))
        return upsample_bicubic(x, self.upscale, self.bicubic) + residual


class DistillationBlock(nn.Module):
    """``compress(upper(P_2) + [x, P_1])`` with ``P = lower(x)``: ``P_1`` its first ``num_feat / s`` channels, kept.

    ``lower`` goes from num_feat to num_feat - d, num_feat - 2d and num_feat channels, ``upper`` from what is left to
    num_feat, num_feat - d and num_feat + num_feat / s; the middle convolution of each has four groups.
    """

    def __init__(self, num_feat: int, d: int, s: int) -> None:
        super().__init__()
        self.kept = num_feat // s
        self.lower = nn.Sequential(
            *_layer(num_feat, num_feat - d),
            *_layer(num_feat - d, num_feat - 2 * d, groups=IDN_GROUPS),
            *_layer(num_feat - 2 * d, num_feat),
        )
        self.upper = nn.Sequential(
            *_layer(num_feat - self.kept, num_feat),
            *_layer(num_feat, num_feat - d, groups=IDN_GROUPS),
            *_layer(num_feat - d, num_feat + self.kept),
        )
        self.compress = nn.Sequential(*_layer(num_feat + self.kept, num_feat, kernel=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape, (N, num_feat, H, W)."""
        lower = self.lower(x)
        kept, rest = lower[:, : self.kept], lower[:, self.kept :]
        return self.compress(self.upper(rest) + torch.cat([x, kept], dim=1))


def _layer(inputs: int, outputs: int, kernel: int = 3, groups: int = 1) -> List[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups), nn.LeakyReLU(_SLOPE)]
