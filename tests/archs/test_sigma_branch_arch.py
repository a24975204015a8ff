"""SigmaBranch: its parameter counts, exact sizes, range, gradients, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bsr_plugins.archs.sigma_branch_arch import SigmaBranch
from bsr_plugins.common.errors import OptionError
from cases import every
from cpu_autocast import skip_without_autocast

SMALL = {'num_in_ch': 6, 'num_feat': 8, 'num_conv': 2}
KINDS = ['espcn', 'edsr']


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    'upsampler, upscale, parameters',
    [
        ('espcn', 2, 801296),
        ('espcn', 3, 822911),
        ('espcn', 4, 853172),
        ('edsr', 2, 1710567),
        ('edsr', 3, 2863367),
        ('edsr', 4, 2632807),
    ],
)
def test_parameter_counts(upsampler, upscale, parameters):
    branch = SigmaBranch(64, 3, upscale=upscale, upsampler=upsampler)
    assert count(branch) == parameters
    assert count(branch.body) == 784004
    assert [module.weight.numel() for module in branch.modules() if isinstance(module, nn.PReLU)] == [1] * 4


@pytest.mark.parametrize('upsampler', KINDS)
def test_scale_one_is_a_plain_convolution(upsampler):
    branch = SigmaBranch(64, 3, upscale=1, upsampler=upsampler)
    assert count(branch) == 784004 + 160 * 3 * 9 + 3
    assert not any(isinstance(module, nn.PixelShuffle) for module in branch.modules())


@every('upsampler', KINDS)
@every('upscale', [1, 2, 3, 4, 8])
@every('height, width', [(1, 1), (7, 5)])
def test_size_is_exact_and_values_are_of_an_image(upsampler, upscale, height, width):
    branch = SigmaBranch(**SMALL, num_out_ch=2, upscale=upscale, upsampler=upsampler)
    with torch.no_grad():
        sigma = branch(torch.randn(2, 6, height, width))
    assert sigma.shape == (2, 2, height * upscale, width * upscale)
    assert sigma.min() > 0 and sigma.max() < 1


@pytest.mark.parametrize('upsampler', KINDS)
def test_zero_weights_say_one_half(upsampler):
    branch = SigmaBranch(**SMALL, upscale=3, upsampler=upsampler)
    with torch.no_grad():
        for parameter in branch.parameters():
            parameter.zero_()
        assert torch.equal(branch(torch.randn(1, 6, 4, 4)), torch.full((1, 3, 12, 12), 0.5))


@pytest.mark.parametrize('upsampler', KINDS)
def test_every_parameter_and_the_features_get_a_gradient(upsampler):
    branch = SigmaBranch(**SMALL, upscale=2, upsampler=upsampler)
    features = torch.randn(2, 6, 5, 5, requires_grad=True)
    (branch(features) - 0.1).abs().mean().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in branch.parameters())
    assert features.grad.abs().sum() > 0


def test_gradient_by_differences():
    branch = SigmaBranch(2, 1, num_feat=3, num_conv=2, upscale=2).double()
    features = torch.randn(1, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(branch, [features.requires_grad_()])


@pytest.mark.parametrize('upsampler', KINDS)
@pytest.mark.parametrize('init_sigma', [0.02, 0.3])
def test_it_starts_at_init_sigma(upsampler, init_sigma):
    torch.manual_seed(0)
    branch = SigmaBranch(64, 3, upscale=2, upsampler=upsampler, init_sigma=init_sigma)
    with torch.no_grad():
        assert torch.allclose(branch(torch.zeros(1, 64, 8, 8)), torch.tensor(init_sigma), rtol=0.1)


def test_without_init_sigma_it_starts_as_pytorch_does():
    torch.manual_seed(0)
    branch = SigmaBranch(**SMALL, upscale=2, init_sigma=None)
    torch.manual_seed(0)
    other = SigmaBranch(**SMALL, upscale=2)
    different = [key for key, value in branch.state_dict().items() if not torch.equal(value, other.state_dict()[key])]
    assert different == ['upsample.0.bias']
    assert branch(torch.zeros(1, 6, 4, 4)).mean().item() == pytest.approx(0.5, abs=0.05)


def test_it_learns_the_size_of_an_error():
    torch.manual_seed(0)
    branch = SigmaBranch(**SMALL, num_out_ch=1, upscale=2)
    features = torch.randn(4, 6, 8, 8)
    error = nn.functional.interpolate(features[:, :1].abs(), scale_factor=2) * 0.1
    optimizer = torch.optim.Adam(branch.parameters(), lr=1e-2)
    for _ in range(150):
        loss = (error - branch(features)).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    constant = (error - error.median()).abs().mean()
    assert loss < 0.5 * constant


def test_bf16_autocast_is_near_fp32():
    skip_without_autocast(torch.bfloat16)
    torch.manual_seed(0)
    branch = SigmaBranch(64, 3, upscale=2)
    features = torch.randn(1, 64, 6, 6)
    with torch.no_grad():
        exact = branch(features)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            sigma = branch(features)
    assert sigma.dtype == torch.bfloat16
    assert (sigma.float() - exact).abs().max() < 0.01


@pytest.mark.parametrize(
    'options, message',
    [
        ({'upsampler': 'espn'}, "(?s)SigmaBranch.upsampler.*espcn or edsr.*did you mean 'espcn'"),
        ({'upsampler': 'edsr', 'upscale': 6}, '(?s)edsr upsampler cannot upscale by 6.*power of two.*espcn does any'),
        ({'upsampler': 'espcn', 'upscale': 0}, '(?s)SigmaBranch.upscale.*whole number >= 1'),
        ({'init_sigma': 1}, '(?s)SigmaBranch.init_sigma.*number > 0 and < 1'),
        ({'num_conv': 0}, '(?s)SigmaBranch.num_conv.*whole number >= 1'),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        SigmaBranch(**options)


def test_channels_that_no_network_tells_are_refused() -> None:
    with pytest.raises(OptionError, match=r'SigmaBranch\.num_in_ch'):
        SigmaBranch(num_in_ch=None)  # type: ignore[arg-type]
