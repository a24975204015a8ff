"""LogVarianceBranch: the head of UDN that predicts ln(theta) of every pixel ("Uncertainty-Driven Loss", 2021)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from bsr_plugins.archs.network_options import LOG_VARIANCE_BRANCH
from bsr_plugins.common.errors import OptionError

_DEFAULTS = LOG_VARIANCE_BRANCH.defaults


class LogVarianceBranch(nn.Module):
    """``s = ELU(conv(ELU(conv(ELU(conv(nearest(features)))))))``, 3x3 convolutions, the last to the image's channels.

    As in the published code. It reads the features before the upsampler of the network whose uncertainty it predicts,
    upscaled by nearest neighbours, and is dropped at inference. The last ELU bounds s from below: s > -1.

    Parameters with 64 features in, RGB out: 2 * (64 * 64 * 9 + 64) + 64 * 3 * 9 + 3 = 75,587 at any scale.

    Args:
        num_in_ch: Channels of the features.
        num_out_ch: Channels of the image.
        num_feat: Channels of its convolutions.
        upscale: Upscaling factor.

    Input (N, num_in_ch, H, W), output (N, num_out_ch, H * upscale, W * upscale).

    Raises:
        OptionError: An option has a wrong value.
    """

    def __init__(
        self,
        num_in_ch: int = _DEFAULTS.num_in_ch,
        num_out_ch: int = _DEFAULTS.num_out_ch,
        num_feat: int = _DEFAULTS.num_feat,
        upscale: int = _DEFAULTS.upscale,
    ) -> None:
        super().__init__()
        LOG_VARIANCE_BRANCH.check(num_in_ch=num_in_ch, num_out_ch=num_out_ch, num_feat=num_feat, upscale=upscale)
        if num_in_ch is None:
            raise OptionError(
                'only a model with a network_g can tell the channels of its features',
                where='LogVarianceBranch.num_in_ch',
                expected='a whole number',
                found=None,
            )
        self.upscale = upscale
        self.body = nn.Sequential(
            *(nn.Conv2d(num_in_ch, num_feat, 3, padding=1), nn.ELU()),
            *(nn.Conv2d(num_feat, num_feat, 3, padding=1), nn.ELU()),
            *(nn.Conv2d(num_feat, num_out_ch, 3, padding=1), nn.ELU()),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return s = ln(theta) for the features of a batch."""
        if self.upscale > 1:
            features = F.interpolate(features, scale_factor=float(self.upscale), mode='nearest')
        return self.body(features)
