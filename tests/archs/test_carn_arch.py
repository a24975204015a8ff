"""CARN and CARN-M: published parameter counts and operations, the cascade by hand, sizes, gradients, refusals."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bsr_plugins.archs.carn_arch import CARN, Cascade, ResidualBlock
from bsr_plugins.archs.network_options import CARN as OPTIONS
from bsr_plugins.common.errors import OptionError
from cases import every


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def multiplications(network, *shape):
    """Count the multiplications of all convolutions in one forward pass."""
    total = 0

    def add(module, inputs, output):
        nonlocal total
        total += output[0].numel() * module.weight[0].numel()

    handles = [module.register_forward_hook(add) for module in network.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        network(torch.zeros(*shape))
    for handle in handles:
        handle.remove()
    return total


@pytest.mark.parametrize('upscale, parameters, published', [(2, 964163, 964), (3, 1148803, 1149), (4, 1111875, 1112)])
def test_parameter_counts_as_in_the_table_of_l_e(upscale, parameters, published):
    network = CARN(upscale=upscale)
    assert count(network) == parameters
    assert round(parameters / 1000) == published


def test_parameter_count_of_the_carn_paper_for_all_scales_in_one():
    upsamplers = [count(CARN(upscale=upscale).upsample) for upscale in (2, 3, 4)]
    assert upsamplers == [147712, 332352, 295424]
    together = count(CARN(upscale=1)) + sum(upsamplers)
    assert together == 1591939 and round(together / 1000) == 1592


@pytest.mark.parametrize('upscale, parameters', [(2, 257027), (3, 303427), (4, 294147)])
def test_parameter_counts_of_carn_m(upscale, parameters):
    assert count(CARN(upscale=upscale, group=4)) == parameters


def test_operations_as_published():
    """FPL counts 1.16 GFLOPs for 32 x 32 (CARN-M), l_E 91.1 G multiply-adds for 1280 x 720 out (CARN x4)."""
    assert 2 * multiplications(CARN(group=4), 1, 3, 32, 32) == pytest.approx(1.16e9, rel=0.005)
    pixels = 320 * 180
    per_pixel = multiplications(CARN(), 1, 3, 4, 4) / 16
    assert per_pixel * pixels == pytest.approx(91.1e9, rel=0.005)


@every('group', [1, 4])
@every('upscale', [1, 2, 3, 4, 8])
@every('height, width', [(1, 1), (7, 5)])
def test_size_is_exact(group, upscale, height, width):
    with torch.no_grad():
        output = CARN(upscale=upscale, num_feat=8, group=group)(torch.rand(2, 3, height, width))
    assert output.shape == (2, 3, height * upscale, width * upscale)


def test_the_cascade_by_hand():
    """Blocks of x2, x3, x5 and fusions that add: 1 -> 1 + 2 = 3 -> 3 + 9 = 12 -> 12 + 60 = 72."""

    class Times(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, x):
            return self.factor * x

    cascade = Cascade([Times(2), Times(3), Times(5)], num_feat=1)
    with torch.no_grad():
        for fusion in cascade.fusions:
            fusion[0].weight.fill_(1)
            fusion[0].bias.zero_()
        assert cascade(torch.ones(1, 1, 1, 1)).item() == 72


def test_carn_m_uses_one_residual_block_three_times_a_cascade():
    runs = []
    network = CARN(upscale=2, num_feat=8, group=4)
    blocks = [module for module in network.modules() if isinstance(module, ResidualBlock)]
    for block in blocks:
        block.register_forward_hook(lambda module, inputs, output: runs.append(module))
    with torch.no_grad():
        network(torch.rand(1, 3, 4, 4))
    assert len(blocks) == 3 and [runs.count(block) for block in blocks] == [3] * 3
    assert sum(isinstance(module, ResidualBlock) for module in CARN(num_feat=8).modules()) == 9


def test_with_zero_weights_the_mean_comes_out():
    network = CARN(upscale=2, num_feat=8)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        output = network(torch.rand(1, 3, 4, 4))
    assert torch.equal(output, torch.tensor(OPTIONS.defaults.rgb_mean).view(1, 3, 1, 1).expand(1, 3, 8, 8))
    assert 'mean' not in network.state_dict()


@pytest.mark.parametrize('num_in_ch, num_out_ch', [(1, 1), (6, 3)])
def test_other_channels_have_no_mean(num_in_ch, num_out_ch):
    network = CARN(num_in_ch, num_out_ch, upscale=2, num_feat=8)
    assert network.mean.tolist() == [[[[0.0]]]]
    assert network(torch.rand(1, num_in_ch, 4, 4)).shape == (1, num_out_ch, 8, 8)


@pytest.mark.parametrize('group', [1, 4])
def test_every_parameter_gets_a_gradient_and_it_learns(group):
    torch.manual_seed(0)
    network = CARN(upscale=2, num_feat=16, group=group)
    lq = torch.rand(2, 3, 6, 6)
    gt = nn.functional.interpolate(lq, scale_factor=2)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = (network(lq) - gt).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert losses[-1] < 0.7 * losses[0]


def test_bf16_autocast_is_near_fp32():
    torch.manual_seed(0)
    network = CARN(upscale=2)
    image = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        exact = network(image)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            output = network(image)
    assert (output.float() - exact).abs().max() < 0.02


@pytest.mark.parametrize(
    'options, message',
    [
        ({'upscale': 6}, '(?s)CARN.upscale.*1, 3 or a power of two.*found: +6'),
        ({'upscale': 0}, '1, 3 or a power of two'),
        ({'group': 5}, '(?s)cannot be divided into the groups.*divisor of num_feat, 64.*found: +5'),
        ({'group': 0}, '(?s)CARN.group.*whole number >= 1'),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        CARN(**options)


@pytest.mark.parametrize('upscale, parameters', [(2, 257819), (3, 304219), (4, 294939)])
def test_parameter_counts_of_fpls_code(upscale, parameters):
    network = CARN(upscale=upscale, group=4, batch_norm=True, mean_shift='learned')
    assert count(network) == parameters
    assert count(CARN(upscale=upscale, group=4, batch_norm=True)) == parameters - 24
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == 12


def test_a_learned_mean_starts_as_the_fixed_one():
    network, fixed = CARN(upscale=2, num_feat=8, mean_shift='learned'), CARN(upscale=2, num_feat=8)
    assert fixed.load_state_dict(network.state_dict(), strict=False).missing_keys == []
    x = torch.rand(1, 3, 5, 5)
    torch.testing.assert_close(network(x), fixed(x))
    network(x).mean().backward()
    assert all(shift.weight.grad.abs().sum() > 0 for shift in network.mean_shifts)
    assert CARN(1, 2, upscale=2, num_feat=8, mean_shift='learned')(x[:, :1]).shape == (1, 2, 10, 10)
