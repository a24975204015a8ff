"""LogVarianceBranch: its size, its layers, its bound."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bsr_plugins.archs.log_variance_branch_arch import LogVarianceBranch
from bsr_plugins.common.errors import OptionError


@pytest.mark.parametrize('scale', [1, 2, 3, 4])
def test_size_and_shape(scale: int) -> None:
    branch = LogVarianceBranch(upscale=scale)
    assert sum(parameter.numel() for parameter in branch.parameters()) == 75_587
    assert branch(torch.rand(2, 64, 5, 6)).shape == (2, 3, 5 * scale, 6 * scale)


def test_it_upscales_first_and_ends_in_an_elu() -> None:
    branch = LogVarianceBranch(num_in_ch=4, num_feat=4, upscale=2)
    features = torch.randn(1, 4, 3, 3)
    out = features.repeat_interleave(2, -1).repeat_interleave(2, -2)
    for layer in branch.body:
        out = F.elu(F.conv2d(out, layer.weight, layer.bias, padding=1)) if isinstance(layer, nn.Conv2d) else out
    assert torch.allclose(branch(features), out, atol=1e-6)
    assert float(branch(1e4 * features).detach().min()) >= -1


def test_the_channels_of_the_features_have_to_be_known() -> None:
    with pytest.raises(OptionError, match='num_in_ch'):
        LogVarianceBranch(num_in_ch=None)
