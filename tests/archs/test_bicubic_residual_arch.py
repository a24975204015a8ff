"""BicubicResidual: both kernels against golden values and BasicSR's imresize, weights under base., refusals."""
from __future__ import annotations

import copy

import pytest
import torch

from bsr_plugins.archs.bicubic_residual_arch import BicubicResidual, upsample_bicubic
from bsr_plugins.archs.fsrcnn_arch import FSRCNN
from bsr_plugins.errors import OptionError

SMALL = {'type': 'FSRCNN', 'd': 8, 's': 4, 'm': 1}


def zeroed(network):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    return network


def test_torch_kernel_by_hand():
    image = torch.tensor([[[[0., 1.], [2., 3.]]]])
    expected = [-0.316406, 0.015625, 0.5625, 0.894531]
    assert upsample_bicubic(image, 2)[0, 0, 0].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize('scale', [2, 3, 4])
@pytest.mark.parametrize('height, width', [(9, 7), (16, 5), (4, 4)])
def test_matlab_kernel_is_imresize(scale, height, width):
    from basicsr.utils.matlab_functions import imresize
    images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    upsampled = upsample_bicubic(images, scale, 'matlab')
    assert upsampled.dtype == torch.float32
    for image, result in zip(images, upsampled):
        # imresize computes its own coordinates in float32: at x3 they are off by up to 1e-6.
        assert (imresize(image, scale) - result).abs().max() < 3e-6


@pytest.mark.parametrize('kernel', ['torch', 'matlab'])
def test_kernels_reproduce_a_constant_and_differ_on_an_edge(kernel):
    assert upsample_bicubic(torch.full((1, 1, 5, 5), 0.3), 3, kernel).tolist()[0][0][7] == pytest.approx([0.3] * 15)
    edge = (torch.arange(8) > 3).float().expand(1, 1, 8, 8)
    overshoot = upsample_bicubic(edge, 4, kernel).max().item() - 1
    # a = -0.5 overshoots an edge less than a = -0.75; neither is clamped.
    assert overshoot == pytest.approx({'torch': 0.108, 'matlab': 0.072}[kernel], abs=0.004)


@pytest.mark.parametrize('kernel', ['torch', 'matlab'])
def test_differentiable(kernel):
    image = torch.rand(1, 1, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: upsample_bicubic(x, 2, kernel), [image])


@pytest.mark.parametrize('kernel', ['torch', 'matlab'])
@pytest.mark.parametrize('upscale', [2, 3, 4])
def test_a_zero_base_leaves_bicubic(kernel, upscale):
    network = zeroed(BicubicResidual({**SMALL, 'upscale': upscale}, upscale, kernel))
    image = torch.rand(2, 3, 6, 7)
    assert torch.equal(network(image), upsample_bicubic(image, upscale, kernel))


def test_output_is_the_sum():
    network = BicubicResidual({**SMALL, 'upscale': 4}, 4)
    image = torch.rand(1, 3, 5, 5)
    assert torch.equal(network(image), network.base(image) + upsample_bicubic(image, 4))


def test_weights_stand_under_base():
    network = BicubicResidual({**SMALL, 'upscale': 4}, 4)
    bare = FSRCNN(d=8, s=4, m=1)
    assert set(network.state_dict()) == {f'base.{name}' for name in bare.state_dict()}
    with pytest.raises(RuntimeError, match='base.feature'):
        bare.load_state_dict(network.state_dict())


@pytest.mark.parametrize('base', [
    {'type': 'EDSR', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 8, 'num_block': 1, 'upscale': 2},
    {**SMALL, 'upscale': 2},
])
def test_any_base(base):
    from basicsr.archs import build_network
    before = copy.deepcopy(base)
    network = build_network({'type': 'BicubicResidual', 'upscale': 2, 'base': base})
    assert base == before
    loss = network(torch.rand(1, 3, 6, 6)).abs().mean()
    loss.backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize('base, message', [
    ({'type': 'MSRResNet', 'upscale': 4, 'num_feat': 8, 'num_block': 1}, 'MSRResNet adds a bilinear image itself'),
    ({'type': 'BicubicResidual', 'upscale': 4, 'base': {**SMALL, 'upscale': 4}}, 'adds a bicubic image itself'),
    ({**SMALL, 'upscale': 2}, '(?s)different scales.*found: +2.*give the base upscale: 4'),
    ({'d': 8}, 'needs the options of its base'),
    (None, 'needs the options of its base'),
    ('FSRCNN', 'needs the options of its base'),
])
def test_refused_bases(base, message):
    with pytest.raises(OptionError, match=message):
        BicubicResidual(base, 4)


def test_the_scale_that_a_base_takes_by_default():
    with pytest.raises(OptionError, match='(?s)different scales.*found: +4'):
        BicubicResidual(SMALL, 2)
    edsr = {'type': 'EDSR', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 8, 'num_block': 1}
    with pytest.raises(OptionError, match=r'(?s)does not upscale.*\(1, 3, 8, 8\).*found: +\(1, 3, 16, 16\)'):
        BicubicResidual(edsr, 2)(torch.rand(1, 3, 4, 4))


def test_unknown_kernel():
    with pytest.raises(OptionError, match="did you mean 'matlab'"):
        BicubicResidual({**SMALL, 'upscale': 4}, 4, 'mathlab')
