"""Attributions of an image by several networks: what cannot be attributed, names, the window of most gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bsr_plugins.analysis.attribution_figure import Region, draw_attributions, seen_region
from bsr_plugins.analysis.local_attribution import Method, attribute_image, named_networks, strongest_window
from bsr_plugins.attribution.attributed_network import WholeWindows
from bsr_plugins.common.errors import CheckpointError, OptionError
from bsr_plugins.data.saliency.saliency_network import TrainedNetwork

LAM = Method(False, {'steps': 2, 'sigma': 1.2, 'kernel': 3, 'reduction': 'abs_sum'})
LQ = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)


def trained(network: nn.Module, scale: int = 2) -> TrainedNetwork:
    return TrainedNetwork(network, scale, {'type': 'X'}, {'file': 'w.pth'})


def upscaling() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2))


def attribute(network: nn.Module, lq: np.ndarray = LQ) -> Any:
    return attribute_image({'net': trained(network)}, lq, (0, 0, 8), LAM, progress=False)[0]


def test_a_constant_image_has_no_index_and_is_drawn() -> None:
    found = attribute(upscaling(), np.full((6, 9, 3), 90, np.uint8))
    assert found.diffusion_index is None
    assert not found.map.any()
    picture = draw_attributions([found], np.full((6, 9, 3), 90, np.uint8), (0, 0, 8), 'LAM')
    assert picture.startswith(b'\x89PNG')


def test_a_network_of_luma_has_a_grey_image() -> None:
    class Luma(nn.Module):
        def forward(self, rgb: torch.Tensor) -> torch.Tensor:
            return rgb.mean(1, keepdim=True).repeat_interleave(2, -1).repeat_interleave(2, -2)

    found = attribute(Luma())
    assert found.sr.shape == (12, 18, 3)
    assert (found.sr[..., 0] == found.sr[..., 2]).all()


def test_sides_that_are_no_whole_windows() -> None:
    class NeedsWindows(nn.Module):
        def forward(self, lq: torch.Tensor) -> torch.Tensor:
            lq.view(len(lq), 3, lq.shape[2] // 4, 4, lq.shape[3] // 4, 4)
            return lq.repeat_interleave(2, -1).repeat_interleave(2, -2)

    assert attribute(WholeWindows(NeedsWindows(), 4)).sr.shape == (12, 18, 3)
    with pytest.raises(CheckpointError, match='image of 9 x 6 pixels'):
        attribute(NeedsWindows())


def test_a_network_that_has_diverged_is_told() -> None:
    network = upscaling()
    nn.init.constant_(network[0].bias, float('nan'))
    with pytest.raises(CheckpointError, match='net is not finite'):
        attribute(network)


def test_a_window_outside_is_refused_before_any_network_runs() -> None:
    with pytest.raises(OptionError, match='18 x 12 pixels'):
        attribute_image({'net': trained(nn.Identity())}, LQ, (11, 0, 8), LAM, progress=False)


def test_networks_of_several_scales_are_refused() -> None:
    with pytest.raises(OptionError, match='common scale'):
        attribute_image({'a': trained(upscaling()), 'b': trained(upscaling(), 3)}, LQ, (0, 0, 8), LAM)


def test_the_window_of_most_gradient() -> None:
    lq = np.zeros((20, 30, 3), np.uint8)
    lq[12:14, 21:23] = 255
    x, y, size = strongest_window(lq, 2, 16)
    assert size == 16
    assert x < 42 and x + size > 46 and y < 24 and y + size > 28
    assert strongest_window(lq[:4, :5], 2, 16)[2] == 7
    with pytest.raises(OptionError, match='too small'):
        strongest_window(lq[:1, :1], 1)


def test_names_are_told_apart() -> None:
    assert named_networks(['a/test.yml', 'b/test.yml', 'c/other.yml']) == ['test_1', 'test_2', 'other']


def test_region_of_a_map() -> None:
    values = np.zeros((100, 200))
    assert seen_region(values) == Region(0, 0, 200, 100)
    values[50:53, 98:103] = 1
    region = seen_region(values)
    assert region == Region(89, 46, 111, 57)
    values[99, 0] = values[0, 0] = 0.5
    assert seen_region(values) == Region(0, 0, 200, 100)
    corner = np.zeros((100, 200))
    corner[99, 199] = 1
    assert seen_region(corner)[2:] == (200, 100)
