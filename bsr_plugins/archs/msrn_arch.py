"""MSRN (Li et al., ECCV 2018): multi-scale residual blocks, all of them fused; the large CNN of FPL's tables."""

from __future__ import annotations

from typing import List, Sequence

import torch
from torch import nn

from bsr_plugins.archs.network_options import MSRN as OPTIONS

_DEFAULTS = OPTIONS.defaults


class MSRN(nn.Module):
    """``exit(upsample(mid(fuse([b_1, ..., b_n, x_0]))))`` with ``x_0 = entry(x)`` and block outputs ``b_i``.

    A block (MSRB) runs 3x3 and 5x5 convolutions side by side, twice, each time on what both gave before, and adds its
    input to their 1x1 fusion (:class:`MultiScaleBlock`). ``fuse`` is 1x1, all others 3x3. The upsampler is EDSR's.

    Parameters with 64 features and 8 blocks: 713,152 a block; 1,792 ``entry``, 36,928 ``fuse``, 36,928 ``mid``, 1,731
    ``exit``; upsampler 147,712, 332,352 and 295,424 at x2, x3 and x4: 5,930,307, 6,114,947 and 6,078,019 in all, FPL's
    "6.1M".

    Departure: the mean is a constant; in the published code, FPL's too, it is two 1x1 convolutions (24 parameters).

    Args:
        num_in_ch: Channels of the input.
        num_out_ch: Channels of the output.
        num_feat: Channels of the features.
        num_block: Number of blocks.
        upscale: Upscaling factor; 1 has no upsampler.
        rgb_mean: Subtracted from the input and added to the output, in [0, 1]; left out where either has not as many
            channels.

    Input (N, num_in_ch, H, W) in [0, 1], output (N, num_out_ch, H * upscale, W * upscale).

    Raises:
        OptionError: An option has a wrong value.
    """

    mean: torch.Tensor

    def __init__(
        self,
        num_in_ch: int = _DEFAULTS.num_in_ch,
        num_out_ch: int = _DEFAULTS.num_out_ch,
        num_feat: int = _DEFAULTS.num_feat,
        num_block: int = _DEFAULTS.num_block,
        upscale: int = _DEFAULTS.upscale,
        rgb_mean: Sequence[float] = _DEFAULTS.rgb_mean,
    ) -> None:
        super().__init__()
        OPTIONS.check(
            num_in_ch=num_in_ch,
            num_out_ch=num_out_ch,
            num_feat=num_feat,
            num_block=num_block,
            upscale=upscale,
            rgb_mean=rgb_mean,
        )
        from bsr_plugins.common.builders import arch_util

        self.upscale = upscale
        mean = rgb_mean if num_in_ch == num_out_ch == len(rgb_mean) else [0.0]
        self.register_buffer('mean', torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.entry = nn.Conv2d(num_in_ch, num_feat, 3, padding=1)
        self.blocks = nn.ModuleList(MultiScaleBlock(num_feat) for _ in range(num_block))
        self.fuse = nn.Conv2d(num_feat * (num_block + 1), num_feat, 1)
        self.mid = nn.Conv2d(num_feat, num_feat, 3, padding=1)
        self.upsample = arch_util().Upsample(upscale, num_feat)
        self.exit = nn.Conv2d(num_feat, num_out_ch, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the super-resolved ``x``."""
        mean = self.mean.to(x.dtype)
        first = features = self.entry(x - mean)
        outputs: List[torch.Tensor] = []
        for block in self.blocks:
            features = block(features)
            outputs.append(features)
        fused = self.mid(self.fuse(torch.cat([*outputs, first], dim=1)))
        return self.exit(self.upsample(fused)) + mean


class MultiScaleBlock(nn.Module):
    """``x + fuse([S_2, P_2])`` with ``S_2, P_2 = ReLU(conv3(y)), ReLU(conv5(y))``, ``y = [S_1, P_1]`` likewise of x."""

    def __init__(self, num_feat: int) -> None:
        super().__init__()
        self.small_1 = nn.Conv2d(num_feat, num_feat, 3, padding=1)
        self.large_1 = nn.Conv2d(num_feat, num_feat, 5, padding=2)
        self.small_2 = nn.Conv2d(2 * num_feat, 2 * num_feat, 3, padding=1)
        self.large_2 = nn.Conv2d(2 * num_feat, 2 * num_feat, 5, padding=2)
        self.fuse = nn.Conv2d(4 * num_feat, num_feat, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape, (N, num_feat, H, W)."""
        once = torch.cat([torch.relu(self.small_1(x)), torch.relu(self.large_1(x))], dim=1)
        twice = torch.cat([torch.relu(self.small_2(once)), torch.relu(self.large_2(once))], dim=1)
        return x + self.fuse(twice)
