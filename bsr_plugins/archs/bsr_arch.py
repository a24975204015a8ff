"""BSRNet: cascaded feature mapping groups, all of them weighted into the reconstruction (BSR, 2020, section III-C)."""

from __future__ import annotations

from typing import Sequence

import torch
from torch import Tensor, nn

from bsr_plugins.archs.network_options import BSR_NET

FIXED_ALPHA = 0.5
_DEFAULTS = BSR_NET.defaults


class BSRNet(nn.Module):
    """``SR = last(up(fuse([F_0, alpha_1 F_1, ..., alpha_n F_n])))`` with ``F_0 = first(x)``, ``F_i = FMG_i(F_(i-1))``.

    Where:
        ``FMG_i``: a feature mapping group, ``num_rb`` residual blocks (convolution, ReLU, convolution, identity, as in
        EDSR, without batch normalization) one after the other.
        ``alpha_i``: the weight of a group's output, below 1; that of ``F_0`` is 1.
        ``up``: 3x3 convolution and PixelShuffle, one stage for each factor of two, or one for x3.

    The paper ("A Balanced Framework for Single Image Super Resolution") says 10 groups and 12 blocks in its ablation
    and "around 240 convolution layers" in its introduction, 10 * 12 * 2, but five blocks a group in section III-C,
    which would make 100; 12 is taken. Also the paper's: the single first convolution, the cascade, the blocks, the
    weights below 1 and the one of 1, the concatenation of all groups with ``F_0``, PixelShuffle.

    Proposed here, where the paper is silent, each an option: 64 channels; residuals that are not scaled; nothing in a
    group beside its blocks (``fmg_conv``); the weights, "a light spatial attention" that is described no further
    (``alpha_mode``); a 1x1 convolution that fuses (``fuse_kernel``); the mean of DIV2K subtracted from the input and
    added to the output (``rgb_mean``). Not an option: the blocks start at a tenth of He's normal, as BasicSR's do by
    default; with PyTorch's own initialization the deviation of the features grows 8- to 12-fold through 120 blocks,
    with this one 1.0-fold (measured with 16 channels).

    Parameters with 64 channels: 73,856 a block, so 8,862,720 in all blocks; 1,792 first; 10 weights; 45,120 fusing;
    1,731 last; upsampler 147,712, 332,352 and 295,424 at x2, x3 and x4:

    ====================  =========  =========  =========
    network               x2         x3         x4
    ====================  =========  =========  =========
    as above              9,059,085  9,243,725  9,206,797
    ``fuse_kernel: 3``    9,419,533  9,604,173  9,567,245
    ``fmg_conv: true``    9,428,365  9,613,005  9,576,077
    ``num_rb: 5``         3,889,165  4,073,805  4,036,877
    ====================  =========  =========  =========

    Args:
        num_in_ch: Channels of the input.
        num_out_ch: Channels of the output.
        num_feat: Channels of the features.
        num_fmg: Number of groups.
        num_rb: Residual blocks in each of them.
        upscale: Upscaling factor.
        fuse_kernel: Size of the fusing convolution's kernel.
        use_fmg_skips: Whether the outputs of the inner groups go into the fusion too. False is the ablation "w/o SC"
            of the paper's Table 4: ``F_0`` and the last group's alone.
        alpha_mode: ``sigmoid_scalar``, one number a group, ``sigmoid(a_i)`` with ``a_i`` learnt from 0, so that each
            weight starts at .5; ``spatial_1x1``, one a pixel, a sigmoid over a 1x1 convolution of ``F_i`` that starts
            at .5 too; ``fixed``, .5.
        fmg_conv: Whether a 3x3 convolution ends each group.
        res_scale: What residuals are multiplied with.
        rgb_mean: Mean of the images, in [0, 1]; left out where input or output have not as many channels.

    Input (N, num_in_ch, H, W) in [0, 1], output (N, num_out_ch, H * upscale, W * upscale).

    Raises:
        OptionError: A value of the wrong kind or out of its range, named with its option.
    """

    mean: Tensor

    def __init__(
        self,
        num_in_ch: int = _DEFAULTS.num_in_ch,
        num_out_ch: int = _DEFAULTS.num_out_ch,
        num_feat: int = _DEFAULTS.num_feat,
        num_fmg: int = _DEFAULTS.num_fmg,
        num_rb: int = _DEFAULTS.num_rb,
        upscale: int = _DEFAULTS.upscale,
        fuse_kernel: int = _DEFAULTS.fuse_kernel,
        use_fmg_skips: bool = _DEFAULTS.use_fmg_skips,
        alpha_mode: str = _DEFAULTS.alpha_mode,
        fmg_conv: bool = _DEFAULTS.fmg_conv,
        res_scale: float = _DEFAULTS.res_scale,
        rgb_mean: Sequence[float] = _DEFAULTS.rgb_mean,
    ) -> None:
        super().__init__()
        BSR_NET.check(
            num_in_ch=num_in_ch,
            num_out_ch=num_out_ch,
            num_feat=num_feat,
            num_fmg=num_fmg,
            num_rb=num_rb,
            upscale=upscale,
            fuse_kernel=fuse_kernel,
            use_fmg_skips=use_fmg_skips,
            alpha_mode=alpha_mode,
            fmg_conv=fmg_conv,
            res_scale=res_scale,
            rgb_mean=rgb_mean,
        )
        self.upscale = upscale
        self.use_fmg_skips = use_fmg_skips
        self.alpha_mode = alpha_mode

        from bsr_plugins.common.builders import arch_util

        parts = arch_util()
        mean = rgb_mean if num_in_ch == num_out_ch == len(rgb_mean) else [0.0]
        self.register_buffer('mean', torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.conv_first = nn.Conv2d(num_in_ch, num_feat, 3, padding=1)
        self.groups = nn.ModuleList(
            parts.make_layer(parts.ResidualBlockNoBN, num_rb, num_feat=num_feat, res_scale=res_scale)
            for _ in range(num_fmg)
        )
        if fmg_conv:
            for group in self.groups:
                group.add_module(str(num_rb), nn.Conv2d(num_feat, num_feat, 3, padding=1))
        weighted = num_fmg if use_fmg_skips else 1
        if alpha_mode == 'sigmoid_scalar':
            self.alpha_logits = nn.Parameter(torch.zeros(weighted))
        elif alpha_mode == 'spatial_1x1':
            self.attention = nn.ModuleList(_flat_start(nn.Conv2d(num_feat, 1, 1)) for _ in range(weighted))
        self.fuse = nn.Conv2d(num_feat * (weighted + 1), num_feat, fuse_kernel, padding=fuse_kernel // 2)
        self.upsample = parts.Upsample(upscale, num_feat)
        self.conv_last = nn.Conv2d(num_feat, num_out_ch, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the super-resolved ``x``."""
        mean = self.mean.to(x.dtype)
        features = self.conv_first(x - mean)
        fused = [features]
        for index, group in enumerate(self.groups):
            features = group(features)
            if self.use_fmg_skips or index == len(self.groups) - 1:
                fused.append(self._weighted(len(fused) - 1, features))
        return self.conv_last(self.upsample(self.fuse(torch.cat(fused, dim=1)))) + mean

    def _weighted(self, index: int, features: Tensor) -> Tensor:
        if self.alpha_mode == 'fixed':
            return features * FIXED_ALPHA
        if self.alpha_mode == 'spatial_1x1':
            return features * torch.sigmoid(self.attention[index](features))
        return features * torch.sigmoid(self.alpha_logits[index])


def _flat_start(convolution: nn.Conv2d) -> nn.Conv2d:
    for parameter in convolution.parameters():
        nn.init.zeros_(parameter)
    return convolution
