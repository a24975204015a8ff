"""FSRCNN: the published parameter counts, exact sizes, and that it can be trained."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bsr_plugins.archs.fsrcnn_arch import FSRCNN
from cases import every


@pytest.mark.parametrize('upscale', [2, 3, 4])
def test_parameter_counts(upscale):
    network = FSRCNN(upscale=upscale)
    assert sum(parameter.numel() for parameter in network.parameters()) == 24518
    assert sum(parameter.numel() for parameter in network.parameters() if parameter.dim() == 4) == 24336
    prelus = [module for module in network.modules() if isinstance(module, nn.PReLU)]
    assert [prelu.weight.numel() for prelu in prelus] == [1] * 7


@every('upscale', [1, 2, 3, 4, 8])
@every('height, width', [(1, 1), (7, 5), (12, 16)])
def test_size_is_exact(upscale, height, width):
    with torch.no_grad():
        output = FSRCNN(upscale=upscale)(torch.rand(2, 3, height, width))
    assert output.shape == (2, 3, height * upscale, width * upscale)


def test_channels_and_depth():
    network = FSRCNN(num_in_ch=1, num_out_ch=2, upscale=2, d=8, s=4, m=2)
    assert network(torch.rand(1, 1, 6, 6)).shape == (1, 2, 12, 12)
    assert sum(isinstance(module, nn.Conv2d) for module in network.modules()) == 2 + 2 + 1


def test_the_deconvolution_is_centred():
    """An impulse at LR pixel (3, 3) lights HR rows 4 * 3 - 4 ... 4 * 3 + 4, as padding 4 of a 9x9 kernel says."""
    network = FSRCNN(upscale=4, d=1, s=1, m=0)
    impulse = torch.zeros(1, 1, 7, 7)
    impulse[0, 0, 3, 3] = 1
    with torch.no_grad():
        nn.init.ones_(network.deconv.weight)
        lit = network.deconv(impulse)[0, 0].nonzero()
    assert (lit.min().item(), lit.max().item()) == (8, 16)


def test_starts_near_zero_and_learns():
    torch.manual_seed(0)
    network = FSRCNN(upscale=2)
    lq, gt = torch.rand(4, 3, 8, 8), torch.full((4, 3, 16, 16), 0.5)
    assert network(lq).abs().max() < 0.2
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(30):
        loss = (network(lq) - gt).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert losses[-1] < 0.5 * losses[0]


def test_basicsr_can_build_it():
    from basicsr.archs import build_network

    network = build_network({'type': 'FSRCNN', 'upscale': 3, 'd': 16, 's': 4, 'm': 1})
    assert isinstance(network, FSRCNN) and network.upscale == 3


def test_fpls_network_has_one_prelu_after_the_mappings():
    network = FSRCNN(variant='fpl')
    assert sum(parameter.numel() for parameter in network.parameters()) == 24515
    kinds = [type(layer).__name__ for layer in network.mapping]
    assert kinds == ['Conv2d'] * 4 + ['PReLU']
    assert (network.deconv.padding, network.deconv.output_padding) == ((3, 3), (1, 1))
    with torch.no_grad():
        for upscale in (1, 2, 3, 4, 8):
            output = FSRCNN(upscale=upscale, variant='fpl', d=4, s=2, m=1)(torch.rand(1, 3, 5, 7))
            assert output.shape == (1, 3, 5 * upscale, 7 * upscale)


def spread(weight):
    return weight.std().item()


def test_what_each_initialization_starts_from():
    torch.manual_seed(0)
    eccv, fpl = FSRCNN(d=512, s=128, m=1), FSRCNN(d=512, s=128, m=1, init='fpl')
    # ECCV: by the outputs, the deconvolution .001. FPL: He's by the inputs, times .1; PyTorch's deconvolution.
    assert spread(eccv.feature[0].weight) == pytest.approx((2 / (25 * 512)) ** 0.5, rel=0.03)
    assert spread(eccv.deconv.weight) == pytest.approx(0.001, rel=0.03)
    assert spread(fpl.feature[0].weight) == pytest.approx(0.1 * (2 / (25 * 3)) ** 0.5, rel=0.03)
    assert spread(fpl.mapping[0].weight) == pytest.approx(0.1 * (2 / (9 * 128)) ** 0.5, rel=0.03)
    torches = nn.ConvTranspose2d(512, 3, 9).weight
    assert spread(fpl.deconv.weight) == pytest.approx(spread(torches), rel=0.03)
    assert fpl.deconv.bias.abs().max() > 0
    assert all(layer.bias.abs().max() == 0 for layer in fpl.modules() if isinstance(layer, nn.Conv2d))


def test_torchs_own_initialization_is_left_alone():
    torch.manual_seed(0)
    network = FSRCNN(d=8, s=4, m=1, upscale=2, init='torch')
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 8, 5), nn.Conv2d(8, 4, 1)
    assert torch.equal(network.feature[0].weight, first.weight) and torch.equal(network.shrink[0].bias, second.bias)


def test_the_default_is_what_it_was():
    """The draws of the ECCV initialization, in its order."""
    torch.manual_seed(3)
    network = FSRCNN(d=8, s=4, m=1, upscale=2)
    torch.manual_seed(3)
    layers = [nn.Conv2d(3, 8, 5), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 8, 1)]
    deconv = nn.ConvTranspose2d(8, 3, 9)
    for layer in layers:
        nn.init.normal_(layer.weight, std=(2 / (layer.out_channels * layer.kernel_size[0] ** 2)) ** 0.5)
    nn.init.normal_(deconv.weight, std=0.001)
    assert torch.equal(network.deconv.weight, deconv.weight) and torch.equal(network.expand[0].weight, layers[3].weight)
