"""CARN and CARN-M (Ahn et al., ECCV 2018): cascading residual networks, backbones of l_E's and FPL's tables."""

from __future__ import annotations

from typing import List, Optional, Sequence

import torch
from torch import nn

from bsr_plugins.archs.network_options import CARN as OPTIONS

_DEFAULTS = OPTIONS.defaults


class CARN(nn.Module):
    """Three cascading blocks of three residual blocks each; every block's output goes to all later 1x1 fusions.

    ``group: 1`` is CARN, l_E's ("Revisiting L1 loss", Table 3: 964K, 1149K, 1112K parameters at x2, x3, x4).
    ``group: 4`` is CARN-M, FPL's (its section 4.1: 295K at x4, 1.16 GFLOPs for a 32 x 32 input): grouped convolutions
    in residual blocks and upsampler, and one residual block used three times within a cascading block.

    Parameters, with 64 features c and a 1x1 fusion of n inputs of (n c + 1) c, so 8,256 + 12,352 + 16,448 = 37,056 a
    cascade::

        CARN      residual block       2 * (c * c * 9 + c)                      =    73,856
                  cascading block      3 * 73,856 + 37,056                      =   258,624
                  without upsampler    1,792 + 3 * 258,624 + 37,056 + 1,731     =   816,451
                  upsampler            x2 147,712   x3 332,352   x4 295,424
                  CARN                 x2 964,163   x3 1,148,803   x4 1,111,875
        CARN-M    residual block       2 * (c * c / 4 * 9 + c) + c * c + c      =    22,720
                  cascading block      22,720 + 37,056                          =    59,776
                  without upsampler    1,792 + 3 * 59,776 + 37,056 + 1,731      =   219,907
                  upsampler            x2 37,120   x3 83,520   x4 74,240
                  CARN-M               x2 257,027   x3 303,427   x4 294,147

    With the upsamplers of all three scales CARN has 1,591,939, the 1,592K of the CARN paper, which trains one network
    for all scales; here, as in both papers above, a network has one scale.

    FPL's code is CARN-M with ``batch_norm: true`` (each fusion is convolution without bias, batch normalization, ReLU:
    64 parameters more, 768 in all) and ``mean_shift: learned`` (24): 257,819, 304,219 and, at x4, 294,939 parameters,
    its "295K".

    Args:
        num_in_ch: Channels of the input.
        num_out_ch: Channels of the output.
        upscale: Upscaling factor; 1 has no upsampler.
        num_feat: Channels of the features, c above.
        group: Groups of the grouped convolutions; 1 makes CARN, more make CARN-M.
        rgb_mean: Subtracted from the input and added to the output, in [0, 1]; left out where either has not as many
            channels.
        batch_norm: Whether the fusions have batch normalization.
        mean_shift: ``fixed``, the mean is a constant; ``learned``, it is taken off and added by two 1x1 convolutions
            that start as that and are trained.

    Input (N, num_in_ch, H, W) in [0, 1], output (N, num_out_ch, H * upscale, W * upscale).

    Raises:
        OptionError: An option has a wrong value, or ``num_feat`` is not divisible by ``group``.
    """

    mean: torch.Tensor

    def __init__(
        self,
        num_in_ch: int = _DEFAULTS.num_in_ch,
        num_out_ch: int = _DEFAULTS.num_out_ch,
        upscale: int = _DEFAULTS.upscale,
        num_feat: int = _DEFAULTS.num_feat,
        group: int = _DEFAULTS.group,
        rgb_mean: Sequence[float] = _DEFAULTS.rgb_mean,
        batch_norm: bool = _DEFAULTS.batch_norm,
        mean_shift: str = _DEFAULTS.mean_shift,
    ) -> None:
        super().__init__()
        OPTIONS.check(
            num_in_ch=num_in_ch,
            num_out_ch=num_out_ch,
            upscale=upscale,
            num_feat=num_feat,
            group=group,
            rgb_mean=rgb_mean,
            batch_norm=batch_norm,
            mean_shift=mean_shift,
        )
        self.upscale = upscale
        mean = rgb_mean if num_in_ch == num_out_ch == len(rgb_mean) else [0.0]
        self.register_buffer('mean', torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.mean_shifts: Optional[nn.ModuleList] = None
        if mean_shift == 'learned':
            self.mean_shifts = nn.ModuleList([_shift(num_in_ch, -self.mean), _shift(num_out_ch, self.mean)])
        self.entry = nn.Conv2d(num_in_ch, num_feat, 3, padding=1)
        self.body = Cascade([_cascading_block(num_feat, group, batch_norm) for _ in range(3)], num_feat, batch_norm)
        self.upsample = nn.Sequential(*_upsampler(num_feat, upscale, group))
        self.exit = nn.Conv2d(num_feat, num_out_ch, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the super-resolved ``x``."""
        if self.mean_shifts is not None:
            take_off, add = self.mean_shifts
            return add(self.exit(self.upsample(self.body(self.entry(take_off(x))))))
        mean = self.mean.to(x.dtype)
        return self.exit(self.upsample(self.body(self.entry(x - mean)))) + mean


class Cascade(nn.Module):
    """``x_i = ReLU(fuse_i([x_0, b_1(x_0), ..., b_i(x_(i-1))]))``: block i's input is fused from all that went before.

    Args:
        blocks: The blocks in order; the same module may stand there more than once, and then shares its weights.
        num_feat: Channels of the input, of each block's output and of the output.
        batch_norm: Whether the fusions have batch normalization, and no bias.

    Input and output (N, num_feat, H, W).
    """

    def __init__(self, blocks: Sequence[nn.Module], num_feat: int, batch_norm: bool = False) -> None:
        super().__init__()
        shared = len(set(blocks)) == 1
        self.blocks = nn.ModuleList(blocks[:1] if shared else blocks)
        self.fusions = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(num_feat * (count + 2), num_feat, 1, bias=not batch_norm),
                *([nn.BatchNorm2d(num_feat)] if batch_norm else []),
                nn.ReLU(),
            )
            for count in range(len(blocks))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of the last fusion."""
        outputs = x
        for index, fusion in enumerate(self.fusions):
            outputs = torch.cat([outputs, self.blocks[index % len(self.blocks)](x)], dim=1)
            x = fusion(outputs)
        return x


class ResidualBlock(nn.Module):
    """``ReLU(x + body(x))``: two 3x3 convolutions, or, where ``group > 1``, two grouped ones and a 1x1 (CARN-M)."""

    def __init__(self, num_feat: int, group: int) -> None:
        super().__init__()
        layers = [
            nn.Conv2d(num_feat, num_feat, 3, padding=1, groups=group),
            nn.ReLU(),
            nn.Conv2d(num_feat, num_feat, 3, padding=1, groups=group),
        ]
        if group > 1:
            layers += [nn.ReLU(), nn.Conv2d(num_feat, num_feat, 1)]
        self.body = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape, (N, num_feat, H, W)."""
        return torch.relu(x + self.body(x))


def _cascading_block(num_feat: int, group: int, batch_norm: bool) -> Cascade:
    if group > 1:
        return Cascade([ResidualBlock(num_feat, group)] * 3, num_feat, batch_norm)
    return Cascade([ResidualBlock(num_feat, group) for _ in range(3)], num_feat, batch_norm)


def _shift(channels: int, amount: torch.Tensor) -> nn.Conv2d:
    """Return a 1x1 convolution that adds ``amount``, (1, channels or 1, 1, 1), to begin with."""
    layer = nn.Conv2d(channels, channels, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(channels).view(channels, channels, 1, 1))
        layer.bias.copy_(amount.flatten().expand(channels))  # type: ignore[union-attr]
    return layer


def _upsampler(num_feat: int, upscale: int, group: int) -> List[nn.Module]:
    factors = [3] if upscale == 3 else [2] * (upscale.bit_length() - 1)
    layers: List[nn.Module] = []
    for factor in factors:
        layers += [
            nn.Conv2d(num_feat, num_feat * factor**2, 3, padding=1, groups=group),
            nn.ReLU(),
            nn.PixelShuffle(factor),
        ]
    return layers
