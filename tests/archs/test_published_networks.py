"""SRResNet, MSRN, VDSR and IDN: the papers' parameter counts, what they start from, and what each is made of."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bsr_plugins.archs.idn_arch import IDN, DistillationBlock
from bsr_plugins.archs.msrn_arch import MSRN, MultiScaleBlock
from bsr_plugins.archs.srresnet_arch import SRResNet
from bsr_plugins.archs.vdsr_arch import VDSR
from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.images.bicubic_resampling import upsample_bicubic


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    'network, options, parameters',
    [
        (SRResNet, {'upscale': 2}, 1401749),
        (SRResNet, {'upscale': 3}, 1586389),
        (SRResNet, {'upscale': 4}, 1549462),
        (MSRN, {'upscale': 2}, 5930307),
        (MSRN, {'upscale': 3}, 6114947),
        (MSRN, {'upscale': 4}, 6078019),
        (VDSR, {'num_in_ch': 1, 'num_out_ch': 1}, 664704 + 19 * 64 + 1),
        (VDSR, {}, 668227),
        (IDN, {'num_in_ch': 1, 'num_out_ch': 1, 'upscale': 3}, 552769),
        (IDN, {}, 590915),
    ],
)
def test_parameter_counts(network, options, parameters):
    assert count(network(**options)) == parameters


def test_what_they_are_made_of():
    vdsr = [layer for layer in VDSR().modules() if isinstance(layer, nn.Conv2d)]
    assert len(vdsr) == 20 and {layer.kernel_size for layer in vdsr} == {(3, 3)}
    assert sum(isinstance(layer, MultiScaleBlock) for layer in MSRN().modules()) == 8
    blocks = [layer for layer in IDN().modules() if isinstance(layer, DistillationBlock)]
    shapes = [
        (layer.in_channels, layer.out_channels, layer.groups)
        for layer in blocks[0].modules()
        if hasattr(layer, 'groups')
    ]
    assert len(blocks) == 4
    assert shapes == [(64, 48, 1), (48, 32, 4), (32, 64, 1), (48, 64, 1), (64, 48, 4), (48, 80, 1), (80, 64, 1)]
    srresnet = SRResNet()
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in srresnet.modules()) == 33
    assert srresnet.entry[0].kernel_size == srresnet.exit.kernel_size == (9, 9)


@pytest.mark.parametrize('network', [VDSR(num_layer=3, upscale=3), IDN(num_feat=16, d=4, num_block=1, upscale=3)])
def test_without_weights_the_bicubic_image_comes_out(network):
    x = torch.rand(1, 3, 6, 5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        assert torch.equal(network(x), upsample_bicubic(x, 3))


def test_a_distillation_block_keeps_a_part_of_the_lower_half():
    """With an upper half that gives nothing and a compression that copies, what comes out is x, then the kept part."""
    block = DistillationBlock(16, 4, 4)
    with torch.no_grad():
        for parameter in block.upper.parameters():
            parameter.zero_()
        x = torch.rand(1, 16, 4, 4)
        for parameter in block.compress.parameters():
            parameter.zero_()
        block.compress[0].weight[:12, :12] = torch.eye(12)[..., None, None]
        block.compress[0].weight[12:, 16:] = torch.eye(4)[..., None, None]
        output = block(x)
        kept = nn.functional.leaky_relu(block.lower(x)[:, :4], 0.05)
    torch.testing.assert_close(output, torch.cat([x[:, :12], kept], dim=1))


def test_batch_normalization_trains_on_batches_and_tests_without_them():
    network, x = SRResNet(num_feat=8, num_block=1, upscale=2), torch.rand(4, 3, 8, 8)
    with torch.no_grad():
        assert not torch.equal(network(x)[:1], network(x[:1]))
        network.eval()
        torch.testing.assert_close(network(x)[:1], network(x[:1]))


@pytest.mark.parametrize(
    'network, options, message',
    [
        (VDSR, {'num_in_ch': 1}, '(?s)VDSR.num_out_ch.*num_in_ch, 1.*found: +3'),
        (VDSR, {'num_layer': 1}, '(?s)VDSR.num_layer.*>= 2'),
        (IDN, {'num_in_ch': 1}, 'IDN.num_out_ch'),
        (IDN, {'s': 3}, '(?s)IDN.s.*divisor of num_feat, 64'),
        (IDN, {'d': 32}, '(?s)IDN.d.*multiples of 4.*64, 32, 0'),
        (IDN, {'d': 3}, '(?s)IDN.d.*64, 61, 58'),
        (SRResNet, {'upscale': 5}, '1, 3 or a power of two'),
    ],
)
def test_what_is_refused(network, options, message):
    with pytest.raises(OptionError, match=message):
        network(**options)
