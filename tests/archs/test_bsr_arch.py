"""BSRNet: parameter counts, the weighted concatenation and the ablation without skips by hand, weights, refusals."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bsr_plugins.archs.bsr_arch import BSRNet
from bsr_plugins.archs.feature_tap import FeatureTap, find_tap, tap_shape
from bsr_plugins.archs.network_options import BSR_NET
from bsr_plugins.archs.sigma_branch_arch import SigmaBranch
from bsr_plugins.common.errors import OptionError
from cases import every
from cpu_autocast import skip_without_autocast

SMALL = {'num_feat': 8, 'num_fmg': 3, 'num_rb': 2, 'upscale': 2}


def small(seed=0, **options):
    torch.manual_seed(seed)
    return BSRNet(**{**SMALL, **options})


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def image(size=6, count=2, dtype=torch.float32):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize(
    'options, counts',
    [
        ({}, (9059085, 9243725, 9206797)),
        ({'fuse_kernel': 3}, (9419533, 9604173, 9567245)),
        ({'fmg_conv': True}, (9428365, 9613005, 9576077)),
        ({'num_rb': 5}, (3889165, 4073805, 4036877)),
        # Without the skips of nine groups: nine times 64 channels into 64, and nine weights.
        ({'use_fmg_skips': False}, tuple(total - 9 * (64 * 64 + 1) for total in (9059085, 9243725, 9206797))),
        ({'alpha_mode': 'fixed'}, (9059075, 9243715, 9206787)),
        ({'alpha_mode': 'spatial_1x1'}, (9059725, 9244365, 9207437)),
    ],
)
def test_parameter_counts(options, counts):
    with torch.device('meta'):
        assert tuple(count(BSRNet(upscale=upscale, **options)) for upscale in (2, 3, 4)) == counts


def test_convolutions_as_the_paper_counts_them():
    """ "around 240 convolution layers": 10 * 12 * 2 in the groups, 245 with the rest at x4."""
    with torch.device('meta'):
        network = BSRNet(upscale=4)
    assert sum(isinstance(module, nn.Conv2d) for module in network.groups.modules()) == 240
    assert sum(isinstance(module, nn.Conv2d) for module in network.modules()) == 245


def test_the_blocks_are_basicsrs_and_start_near_the_identity():
    from basicsr.archs.arch_util import ResidualBlockNoBN, Upsample

    network = small()
    assert all(type(block) is ResidualBlockNoBN for group in network.groups for block in group)
    assert [len(group) for group in network.groups] == [2, 2, 2] and type(network.upsample) is Upsample
    deep = small(num_feat=16, num_fmg=10, num_rb=12)
    with torch.no_grad():
        before = deep.conv_first(image(12) - 0.5)
        after = before
        for group in deep.groups:
            after = group(after)
    assert 0.95 < after.std() / before.std() < 1.1


def test_names_of_the_weights():
    names = list(small().state_dict())
    assert names[:3] == ['alpha_logits', 'conv_first.weight', 'conv_first.bias']
    assert names[3:7] == [f'groups.0.0.{name}' for name in ('conv1.weight', 'conv1.bias', 'conv2.weight', 'conv2.bias')]
    assert names[-6:] == [
        'fuse.weight',
        'fuse.bias',
        'upsample.0.weight',
        'upsample.0.bias',
        'conv_last.weight',
        'conv_last.bias',
    ]
    assert 'mean' not in names
    assert 'groups.2.2.weight' in small(fmg_conv=True).state_dict()
    assert {name for name in small(alpha_mode='spatial_1x1').state_dict() if name.startswith('attention.')} == {
        f'attention.{index}.{kind}' for index in range(3) for kind in ('weight', 'bias')
    }


def one_channel(options, weights):
    """One channel, groups that multiply by 2, 3 and 5 (a block each: 1 + 1, 1 + 2, 1 + 4), a fusion of ``weights``."""
    network = BSRNet(num_in_ch=1, num_out_ch=1, num_feat=1, num_fmg=3, num_rb=1, upscale=1, **options)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for convolution in (network.conv_first, network.conv_last):
            convolution.weight[:, :, 1, 1] = 1
        for group, factor in zip(network.groups, (1, 2, 4)):
            group[0].conv1.weight[0, 0, 1, 1] = factor
            group[0].conv2.weight[0, 0, 1, 1] = 1
        network.fuse.weight[0, :, 0, 0] = torch.tensor(weights)
    return network


def test_by_hand():
    """F = 1, 2, 6, 30; weighted 1, .5 * 2, .5 * 6, .5 * 30, each in its own decimal place: 1 + 10 + 300 + 15000."""
    network = one_channel({}, [1.0, 10.0, 100.0, 1000.0])
    x = torch.ones(1, 1, 1, 1)
    assert network(x).item() == 15311
    with torch.no_grad():
        network.alpha_logits.copy_(torch.tensor([-100.0, 100.0, 0.0]))
        # Weights of 0, 1 and .5.
        assert network(x).item() == 1 + 0 + 600 + 15000
    assert one_channel({'alpha_mode': 'fixed'}, [1.0, 10.0, 100.0, 1000.0])(x).item() == 15311
    assert one_channel({'alpha_mode': 'spatial_1x1'}, [1.0, 10.0, 100.0, 1000.0])(x).item() == 15311


def test_without_the_skips_of_inner_groups_by_hand():
    """The ablation: F_0 and the last group alone, 1 + .5 * 30 * 10; the cascade stays."""
    network = one_channel({'use_fmg_skips': False}, [1.0, 10.0])
    assert network(torch.ones(1, 1, 1, 1)).item() == 151
    assert network.alpha_logits.shape == (1,)
    with torch.no_grad():
        network.groups[0][0].conv2.weight.zero_()
    assert network(torch.ones(1, 1, 1, 1)).item() == 76


def test_spatial_weights_differ_by_pixel():
    network = one_channel({'alpha_mode': 'spatial_1x1'}, [0.0, 1.0, 0.0, 0.0])
    with torch.no_grad():
        network.attention[0].weight.fill_(100.0)
        network.attention[0].bias.fill_(-100.0)
    # F_1 = 2 x: its weight is sigmoid(200 x - 100).
    output = network(torch.tensor([[[[1.0, 0.5, 0.25]]]]))
    assert output.flatten().tolist() == pytest.approx([2.0, 0.5, 0.0], abs=1e-6)


@pytest.mark.parametrize('alpha_mode', ['sigmoid_scalar', 'spatial_1x1'])
def test_weights_start_at_a_half_and_are_trained(alpha_mode):
    network = small(alpha_mode=alpha_mode)
    logits = [parameter for name, parameter in network.named_parameters() if name.startswith(('alpha', 'attention'))]
    assert all(not parameter.any() for parameter in logits)
    fixed = small(alpha_mode='fixed')
    fixed.load_state_dict(network.state_dict(), strict=False)
    with torch.no_grad():
        assert torch.equal(network(image()), fixed(image()))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    network(image()).square().mean().backward()
    optimizer.step()
    # The weights of a 1x1 convolution start at 0 as well, and its bias moves with them.
    assert all(parameter.all() for parameter in logits)


@pytest.mark.parametrize('alpha_mode', BSR_NET['alpha_mode'].kind.words)
@pytest.mark.parametrize('use_fmg_skips', [True, False])
def test_gradients(alpha_mode, use_fmg_skips):
    torch.manual_seed(0)
    network = BSRNet(
        1, 1, num_feat=2, num_fmg=2, num_rb=1, upscale=2, alpha_mode=alpha_mode, use_fmg_skips=use_fmg_skips
    ).double()
    x = torch.rand(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    # At inputs where no ReLU is at its kink; it is one of every block.
    assert torch.autograd.gradcheck(network, [x], eps=1e-7, atol=1e-5)
    network(x).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())
    if alpha_mode == 'sigmoid_scalar':
        assert network.alpha_logits.grad.all()


@pytest.mark.parametrize('use_fmg_skips', [True, False])
def test_it_learns(use_fmg_skips):
    network = small(use_fmg_skips=use_fmg_skips, num_feat=16)
    lq = image(8)
    gt = nn.functional.interpolate(lq, scale_factor=2)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = (network(lq) - gt).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_with_zero_weights_the_mean_comes_out():
    network = small()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        assert torch.equal(
            network(image()), torch.tensor(BSR_NET.defaults.rgb_mean).view(1, 3, 1, 1).expand(2, 3, 12, 12)
        )


@pytest.mark.parametrize('num_in_ch, num_out_ch', [(1, 1), (6, 3)])
def test_other_channels_have_no_mean(num_in_ch, num_out_ch):
    network = small(num_in_ch=num_in_ch, num_out_ch=num_out_ch)
    assert network.mean.tolist() == [[[[0.0]]]]
    assert network(torch.rand(1, num_in_ch, 4, 4)).shape == (1, num_out_ch, 8, 8)


@every('upscale', [1, 2, 3, 4, 8])
@every('height, width', [(1, 1), (7, 5)])
@every('fuse_kernel', [1, 3])
def test_size_is_exact(upscale, height, width, fuse_kernel):
    with torch.no_grad():
        output = small(upscale=upscale, fuse_kernel=fuse_kernel)(torch.rand(2, 3, height, width))
    assert output.shape == (2, 3, height * upscale, width * upscale)


@pytest.mark.parametrize('dtype, tolerance', [(torch.bfloat16, 0.03), (torch.float16, 0.005)])
@pytest.mark.parametrize('alpha_mode', BSR_NET['alpha_mode'].kind.words)
def test_half_precision_is_near_fp32(dtype, tolerance, alpha_mode):
    skip_without_autocast(dtype)
    network = small(num_feat=32, num_fmg=10, num_rb=4, alpha_mode=alpha_mode)
    with torch.no_grad():
        exact = network(image())
        with torch.autocast('cpu', dtype=dtype):
            output = network(image())
    assert output.isfinite().all() and (output.float() - exact).abs().max() < tolerance


@pytest.mark.parametrize('alpha_mode', BSR_NET['alpha_mode'].kind.words)
def test_the_fusion_gets_half_precision(alpha_mode):
    """Learnt weights of float32 must not turn what is kept of all groups into float32."""
    network = small(alpha_mode=alpha_mode)
    seen = []
    network.fuse.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].dtype))
    with torch.no_grad(), torch.autocast('cpu', dtype=torch.bfloat16):
        network(image())
    assert seen == [torch.bfloat16]


@pytest.mark.parametrize('use_fmg_skips', [True, False])
def test_the_sigma_branch_taps_the_fused_features(use_fmg_skips):
    network = small(use_fmg_skips=use_fmg_skips)
    assert find_tap(network)[0] == 'upsample' and tap_shape(network)[0] == 8
    tap = FeatureTap(network)
    with tap:
        output = network(image())
    sigma = SigmaBranch(8, 3, num_feat=4, num_conv=1, upscale=2)(tap.take())
    assert sigma.shape == output.shape
    sigma.mean().backward()
    assert network.fuse.weight.grad.abs().sum() > 0 and network.alpha_logits.grad.all()
    assert network.conv_last.weight.grad is None


@pytest.mark.parametrize(
    'options, message',
    [
        ({'upscale': 6}, "(?s)option 'upscale'.*1, 3 or a power of two.*found: +6"),
        ({'upscale': 0}, "(?s)option 'upscale'.*1, 3 or a power of two"),
        ({'fuse_kernel': 2}, "(?s)option 'fuse_kernel'.*1 or 3.*found: +2"),
        ({'fuse_kernel': '3'}, "(?s)option 'fuse_kernel'.*1 or 3.*found: +'3'.*fuse_kernel: 3, unquoted"),
        ({'num_fmg': 0}, "(?s)option 'num_fmg'.*whole number >= 1.*found: +0"),
        ({'num_rb': 12.0}, "(?s)option 'num_rb'.*whole number.*found: +12.0"),
        ({'num_feat': True}, "option 'num_feat'"),
        ({'use_fmg_skips': 'yes'}, "(?s)option 'use_fmg_skips'.*true or false"),
        ({'fmg_conv': 1}, "(?s)option 'fmg_conv'.*true or false"),
        (
            {'alpha_mode': 'sigmoid_scaler'},
            "(?s)option 'alpha_mode'.*spatial_1x1 or fixed.*mean 'sigmoid_scalar'",
        ),
        ({'res_scale': 0}, "(?s)option 'res_scale'.*number > 0"),
        ({'rgb_mean': 0.5}, "(?s)option 'rgb_mean'.*list of numbers.*found: +0.5"),
        ({'rgb_mean': ['a', 'b', 'c']}, "(?s)option 'rgb_mean'.*list of numbers"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(OptionError, match=message) as caught:
        BSRNet(**options)
    assert caught.value.where == f'BSRNet.{next(iter(options))}'
