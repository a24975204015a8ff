"""VDSR (Kim et al., CVPR 2016): twenty convolutions that learn the residual on a bicubic image, at its size."""

from __future__ import annotations

import torch
from torch import nn

from bsr_plugins.archs.network_options import VDSR as OPTIONS
from bsr_plugins.data.images.bicubic_resampling import upsample_bicubic

_DEFAULTS = OPTIONS.defaults


class VDSR(nn.Module):
    """``image + reconstruction(body(image))`` with ``image = bicubic(x)``.

    3x3 convolutions throughout, ``num_layer`` in all, ReLU after each but the last; weights start as He's normal,
    biases at 0. Parameters with 20 layers of 64 channels: 665,921 on Y (664,704 of them weights, the
    papers' "665K"), 668,227 on RGB, at any scale.

    Departures: the paper trains on Y, one network for all scales, and is given the upscaled image; here the input is
    the LR image, in any channels, and the network upscales it. Its features before the last convolution have the
    output's size: a sigma branch on them upscales by 1.

    Args:
        num_in_ch: Channels of the input.
        num_out_ch: Channels of the output; the same, since the image is added.
        num_feat: Channels of the features.
        num_layer: Number of convolutions, at least 2.
        upscale: Upscaling factor.
        bicubic: ``torch`` or ``matlab``, as for BicubicResidual.

    Input (N, num_in_ch, H, W) in [0, 1], output (N, num_out_ch, H * upscale, W * upscale).

    Raises:
        OptionError: An option has a wrong value, or input and output differ in channels.
    """

    def __init__(
        self,
        num_in_ch: int = _DEFAULTS.num_in_ch,
        num_out_ch: int = _DEFAULTS.num_out_ch,
        num_feat: int = _DEFAULTS.num_feat,
        num_layer: int = _DEFAULTS.num_layer,
        upscale: int = _DEFAULTS.upscale,
        bicubic: str = _DEFAULTS.bicubic,
    ) -> None:
        super().__init__()
        OPTIONS.check(
            num_in_ch=num_in_ch,
            num_out_ch=num_out_ch,
            num_feat=num_feat,
            num_layer=num_layer,
            upscale=upscale,
            bicubic=bicubic,
        )
        self.upscale = upscale
        self.bicubic = bicubic
        self.body = nn.Sequential(
            *(
                layer
                for index in range(num_layer - 1)
                for layer in (nn.Conv2d(num_feat if index else num_in_ch, num_feat, 3, padding=1), nn.ReLU())
            )
        )
        self.reconstruction = nn.Conv2d(num_feat, num_out_ch, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, nonlinearity='relu')
                nn.init.zeros_(module.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the super-resolved ``x``."""
        image = upsample_bicubic(x, self.upscale, self.bicubic)
        return image + self.reconstruction(self.body(image))
