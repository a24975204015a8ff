"""SigmaBranch: the head that predicts the size of every pixel's error ("Revisiting L1 loss", Eq. 10)."""

from __future__ import annotations

import math
from typing import List, Optional

import torch
from torch import nn

from bsr_plugins.archs.network_options import SIGMA_BRANCH
from bsr_plugins.common.errors import OptionError

_DEFAULTS = SIGMA_BRANCH.defaults


class SigmaBranch(nn.Module):
    """``sigma = sigmoid(up(body(features)))``: ``num_conv`` x (3x3 convolution, PReLU), an upsampler, a sigmoid.

    It reads the features before the upsampler of the network whose error it predicts, trains beside it and is dropped
    at inference.

    Parameters with 64 features in, RGB out, 160 channels, 4 convolutions (the paper gives no count): the body has
    64 * 160 * 9 + 160 + 3 * (160 * 160 * 9 + 160) + 4 = 784,004 and

    ========  =========  =========  =========
    scale     x2         x3         x4
    ========  =========  =========  =========
    espcn       801,296    822,911    853,172
    edsr      1,710,567  2,863,367  2,632,807
    ========  =========  =========  =========

    Where the paper is silent: the upsampler ("PixelShuffle and a 3x3 convolution") is either of the two; a PReLU has
    one parameter; there are as many channels out as the image has (its product with the noise is taken element by
    element). Sigma starts near ``init_sigma`` everywhere. With PyTorch's own initialization it starts at .5, twenty
    times a usual error, and on Adam's way down from there the sigmoid saturates. Measured on EDSR x2 (2 blocks,
    features of inputs in [0, 255]) after 250 updates of L1 and Eq. 10 at 1e-4, one run each: from .5, mean sigma .0023
    where the mean error was .0276, further from |y - mu| (.0272) than the best constant (.0220); from .02, mean sigma
    .0201, .0184 from it.

    Args:
        num_in_ch: Channels of the features.
        num_out_ch: Channels of the image.
        num_feat: Channels of the branch.
        num_conv: Number of its convolutions before the upsampler.
        upscale: Upscaling factor; 1 needs no PixelShuffle: a plain convolution in both kinds.
        upsampler: ``espcn``, a 3x3 convolution to ``num_out_ch * upscale^2`` channels and one PixelShuffle, or
            ``edsr``, a 3x3 convolution and PixelShuffle(2) for each factor of two, or PixelShuffle(3), then a 3x3
            convolution to ``num_out_ch``.
        init_sigma: Where sigma starts: the last convolution's bias begins at its logit. ~ leaves PyTorch's.

    Input (N, num_in_ch, H, W), output (N, num_out_ch, H * upscale, W * upscale) in (0, 1), the unit of an image in
    [0, 1].

    Raises:
        OptionError: An option has a wrong value, or the upsampler cannot do the scale.
    """

    def __init__(
        self,
        num_in_ch: int = _DEFAULTS.num_in_ch,
        num_out_ch: int = _DEFAULTS.num_out_ch,
        num_feat: int = _DEFAULTS.num_feat,
        num_conv: int = _DEFAULTS.num_conv,
        upscale: int = _DEFAULTS.upscale,
        upsampler: str = _DEFAULTS.upsampler,
        init_sigma: Optional[float] = _DEFAULTS.init_sigma,
    ) -> None:
        super().__init__()
        SIGMA_BRANCH.check(
            num_in_ch=num_in_ch,
            num_out_ch=num_out_ch,
            num_feat=num_feat,
            num_conv=num_conv,
            upscale=upscale,
            upsampler=upsampler,
            init_sigma=init_sigma,
        )
        if num_in_ch is None:
            raise OptionError(
                'only a model with a network_g can tell the channels of its features',
                where='SigmaBranch.num_in_ch',
                expected='a whole number',
                found=None,
            )
        self.upscale = upscale
        layers: List[nn.Module] = []
        for index in range(num_conv):
            layers += [nn.Conv2d(num_feat if index else num_in_ch, num_feat, 3, padding=1), nn.PReLU()]
        self.body = nn.Sequential(*layers)
        self.upsample = nn.Sequential(*_upsampler(num_feat, num_out_ch, upscale, upsampler))
        if init_sigma is not None:
            *_, bias = (parameter for name, parameter in self.upsample.named_parameters() if name.endswith('.bias'))
            nn.init.constant_(bias, math.log(init_sigma / (1 - init_sigma)))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return sigma for the features of a batch."""
        return torch.sigmoid(self.upsample(self.body(features)))


def _upsampler(num_feat: int, num_out_ch: int, upscale: int, kind: str) -> List[nn.Module]:
    if upscale == 1:
        return [nn.Conv2d(num_feat, num_out_ch, 3, padding=1)]
    if kind == 'espcn':
        return [nn.Conv2d(num_feat, num_out_ch * upscale**2, 3, padding=1), nn.PixelShuffle(upscale)]
    from bsr_plugins.common.builders import arch_util

    return [arch_util().Upsample(upscale, num_feat), nn.Conv2d(num_feat, num_out_ch, 3, padding=1)]
