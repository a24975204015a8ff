"""Networks in bfloat16: the last layer and what is added to it stay float32."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from bsr_plugins.data.difficulty.network_upscaler import BF16, NetworkUpscaler


class Net(nn.Module):
    """Two layers; ``whole``: the last one gives the image itself, as EDSR's does, else what is added to a base."""

    def __init__(self, last: nn.Module, whole: bool) -> None:
        super().__init__()
        self.last = last  # declared before the first layer: what counts is the order of the pass
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.whole = whole

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = self.first(x)
        out = self.last(self.seen)
        if self.whole:
            return out
        out += x
        return out


@pytest.mark.parametrize('whole', [False, True])
@pytest.mark.parametrize(
    'last',
    [
        nn.Conv2d(8, 3, 3, padding=1),
        nn.Conv2d(8, 3, 5, padding=2, bias=False),
        nn.Conv2d(8, 3, 1),
        nn.Conv2d(8, 3, 3, padding=1, padding_mode='reflect'),
        nn.Conv2d(8, 3, 3, padding=2, dilation=2),
        nn.ConvTranspose2d(8, 3, 3, padding=1),
    ],
    ids=['3x3', '5x5', '1x1', 'reflect', 'dilated', 'transposed'],
)
def test_the_last_layer_is_float32(last: Any, whole: bool) -> None:
    torch.manual_seed(0)
    plain = Net(copy.deepcopy(last), whole).eval()
    net = copy.deepcopy(plain)
    lr = torch.rand(2, 3, 6, 7)
    found = NetworkUpscaler(net, BF16)(lr)
    assert found.dtype == torch.float32 and net.seen.dtype == torch.bfloat16
    with torch.no_grad():
        expected = plain.last(net.seen.float()) + (0 if whole else lr)
    assert torch.allclose(found, expected, atol=1e-6)
    assert 0 < (found - plain(lr)).abs().max() < 0.02


def test_batches_do_not_matter_and_float32_is_left_alone() -> None:
    torch.manual_seed(0)
    net = Net(nn.Conv2d(8, 3, 3, padding=1), True).eval()
    lr = torch.rand(5, 3, 6, 7)
    assert torch.allclose(NetworkUpscaler(copy.deepcopy(net))(lr), net(lr), atol=1e-6)
    upscaler = NetworkUpscaler(net, BF16)
    together = upscaler(lr)
    assert torch.equal(torch.cat([upscaler(lr[:2]), upscaler(lr[2:])]), together)


def test_a_network_without_layers_is_run() -> None:
    assert torch.equal(
        NetworkUpscaler(nn.Identity(), BF16)(torch.full((1, 3, 2, 2), 0.3)), torch.full((1, 3, 2, 2), 0.3)
    )
