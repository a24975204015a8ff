"""FeatureTap: which features it takes from every network it knows, that it leaves no trace, and what is refused."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from bsr_plugins.archs.feature_tap import FeatureTap, bare_network, find_tap, tap_shape
from bsr_plugins.archs.sigma_branch_arch import SigmaBranch
from bsr_plugins.common.errors import OptionError

SWINIR = {'type': 'SwinIR', 'img_size': 8, 'window_size': 4, 'depths': [1], 'embed_dim': 12, 'num_heads': [2]}
EDSR = {'type': 'EDSR', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 8, 'num_block': 1, 'upscale': 2}
CARN = {'type': 'CARN', 'num_feat': 16, 'upscale': 2}
KNOWN = [
    (EDSR, 'upsample', 8),
    ({**EDSR, 'upscale': 1}, 'upsample', 8),
    (
        {'type': 'RCAN', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 16, 'num_group': 1, 'num_block': 1, 'upscale': 3},
        'upsample',
        16,
    ),
    ({'type': 'MSRResNet', 'num_feat': 8, 'num_block': 1, 'upscale': 2}, 'upconv1', 8),
    ({'type': 'MSRResNet', 'num_feat': 8, 'num_block': 1, 'upscale': 4}, 'upconv1', 8),
    ({**SWINIR, 'upscale': 2, 'upsampler': 'pixelshuffle'}, 'upsample', 64),
    ({**SWINIR, 'upscale': 3, 'upsampler': 'pixelshuffledirect'}, 'upsample', 12),
    ({**SWINIR, 'upscale': 4, 'upsampler': 'nearest+conv'}, 'conv_before_upsample', 12),
    ({'type': 'FSRCNN', 'd': 20, 's': 4, 'm': 1, 'upscale': 3}, 'deconv', 20),
    (CARN, 'upsample', 16),
    ({'type': 'BSRNet', 'num_feat': 8, 'num_fmg': 2, 'num_rb': 1, 'upscale': 4}, 'upsample', 8),
    ({'type': 'SRResNet', 'num_feat': 8, 'num_block': 1, 'upscale': 4}, 'upsample', 8),
    ({'type': 'MSRN', 'num_feat': 8, 'num_block': 1, 'upscale': 2}, 'upsample', 8),
    ({'type': 'IDN', 'num_feat': 16, 'num_block': 1, 'd': 4, 'upscale': 3}, 'deconv', 16),
    ({'type': 'BicubicResidual', 'upscale': 2, 'base': CARN}, 'base.upsample', 16),
    ({'type': 'BicubicResidual', 'upscale': 2, 'base': EDSR}, 'base.upsample', 8),
]
IDS = [options['type'] + str(index) for index, (options, _, _) in enumerate(KNOWN)]


def build(options, seed=0):
    from basicsr.archs import build_network

    torch.manual_seed(seed)
    return build_network(options)


def image(size=8, count=2):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize('options, name, channels', KNOWN, ids=IDS)
def test_auto_takes_features_as_large_as_the_input(options, name, channels):
    network = build(options)
    plain = network(image())
    tap = FeatureTap(network)
    assert tap.name == name and find_tap(network)[1] is dict(network.named_modules())[name]
    with tap:
        output = network(image())
    assert torch.equal(output, plain)
    features = tap.take()
    assert features.shape == (2, channels, 8, 8) and features.requires_grad
    assert tap_shape(network)[0] == tap_shape(network, name)[0] == channels


@pytest.mark.parametrize('options, name, channels', KNOWN, ids=IDS)
def test_what_is_tapped_goes_into_a_sigma_branch_and_its_gradient_into_the_trunk(options, name, channels):
    network = build(options)
    tap = FeatureTap(network)
    with tap:
        output = network(image())
    branch = SigmaBranch(tap_shape(network)[0], 3, num_feat=4, num_conv=1, upscale=options['upscale'])
    sigma = branch(tap.take())
    assert sigma.shape == output.shape
    sigma.mean().backward()
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    assert first.weight.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in find_tap(network)[1].parameters())


@pytest.mark.parametrize('at_hr', [True, False])
def test_features_of_the_outputs_size_leave_the_branch_no_upscaling(at_hr):
    from bsr_plugins.models.sigma_options import sigma_options

    vdsr = {'type': 'VDSR', 'num_feat': 8, 'num_layer': 3, 'upscale': 4}
    network = build(vdsr if at_hr else {**CARN, 'upscale': 4})
    options = sigma_options({'network_sigma': {'type': 'SigmaBranch', 'num_out_ch': 3}, 'scale': 4}, network, 'auto')
    assert (options['num_in_ch'], options['upscale']) == ((8, 1) if at_hr else (16, 4))
    branch = SigmaBranch(**{key: value for key, value in options.items() if key != 'type'}, num_feat=4)
    with FeatureTap(network) as tap:
        output = network(image())
    assert branch(tap.take()).shape == output.shape


def test_the_long_skip_of_edsr_is_in_the_features():
    network = build(EDSR)
    tap = FeatureTap(network)
    with torch.no_grad(), tap:
        network(image())
        head = network.conv_first((image() - network.mean) * network.img_range)
        expected = head + network.conv_after_body(network.body(head))
    assert torch.equal(tap.take(), expected)


def test_a_module_by_name_means_its_input():
    network = build(EDSR)
    tap = FeatureTap(network, 'body.0.conv2')
    seen = []
    network.body[0].conv2.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with tap:
        network(image())
    assert tap.take() is seen[0]


def test_features_are_given_once_and_of_the_last_pass():
    network = build(EDSR)
    tap = FeatureTap(network)
    with tap:
        network(image(8))
        network(image(6))
    assert tap.take().shape[-1] == 6
    with pytest.raises(OptionError, match="(?s)'upsample' of EDSR did not run.*sigma_tap"):
        tap.take()
    network(image())
    with pytest.raises(OptionError, match='did not run'):
        tap.take()


def test_no_hook_is_left():
    network = build(EDSR)
    tap = FeatureTap(network)
    assert not network.upsample._forward_pre_hooks
    with tap:
        tap.attach()
        assert len(network.upsample._forward_pre_hooks) == 1
    assert not network.upsample._forward_pre_hooks
    tap.remove()
    tap_shape(network)
    assert not network.upsample._forward_pre_hooks


def test_counting_channels_leaves_no_trace():
    network = build({**SWINIR, 'upscale': 2, 'upsampler': 'pixelshuffle', 'drop_rate': 0.5})
    network.train()
    network.conv_last.eval()
    network.norm.register_buffer('runs', torch.zeros(()))
    before = copy.deepcopy(network.state_dict())
    modes = [module.training for module in network.modules()]
    state = torch.get_rng_state()
    assert tap_shape(network)[0] == tap_shape(network, 'conv_before_upsample', image(4))[0] + 52 == 64
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_counting_channels_leaves_batch_statistics_alone():
    network = nn.Sequential()
    network.add_module('body', nn.Sequential(nn.Conv2d(1, 5, 3, padding=1), nn.BatchNorm2d(5)))
    network.add_module('upsample', nn.Sequential(nn.Conv2d(5, 4, 1), nn.PixelShuffle(2)))
    assert tap_shape(network)[0] == 5
    assert network.body[1].num_batches_tracked == 0 and network.training


def test_modes_are_put_back_where_the_pass_fails():
    network = build(EDSR)
    network.body.eval()
    with pytest.raises(RuntimeError):
        tap_shape(network, example=torch.zeros(1, 4, 8, 8))
    assert network.training and not network.body.training and network.upsample.training
    assert not network.upsample._forward_pre_hooks


def test_wrappers_are_looked_through():
    network = build(EDSR)

    class Compiled(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self._orig_mod = inner

        def forward(self, x):
            return self._orig_mod(x)

    wrapped = nn.DataParallel(Compiled(network))
    assert bare_network(wrapped) is network
    tap = FeatureTap(wrapped)
    with tap:
        wrapped(image())
    assert tap.name == 'upsample' and tap.take().shape == (2, 8, 8, 8)


def test_gradients_under_distributed_data_parallel_are_those_without():
    network, branch = build(EDSR), SigmaBranch(8, 3, num_feat=4, num_conv=1, upscale=2)

    def gradients(net, head):
        network.zero_grad()
        tap = FeatureTap(net)
        with tap:
            output = net(image())
        (output.mean() + head(tap.take()).mean()).backward()
        return [parameter.grad.clone() for parameter in network.parameters()]

    alone = gradients(network, branch)
    torch.distributed.init_process_group('gloo', store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        wrapped = nn.parallel.DistributedDataParallel(network)
        together = gradients(wrapped, nn.parallel.DistributedDataParallel(branch))
        assert find_tap(wrapped) == find_tap(network)
    finally:
        torch.distributed.destroy_process_group()
    assert all(torch.equal(one, other) for one, other in zip(alone, together))


def test_parts_of_data_parallel_replicas_come_together_in_the_order_of_the_batch():
    network = build(EDSR)
    tap = FeatureTap(nn.DataParallel(network))
    tap._device_ids = [1, 0]

    class Part:
        """A part of a batch on another device."""

        def __init__(self, index, value):
            self.device = torch.device('cuda', index)
            self.value = value

        def dim(self):
            return 4

        def to(self, device):
            assert device == torch.device('cuda', 1)
            return torch.full((1, 1, 1, 1), self.value)

    tap._kept = {torch.device('cuda', index): Part(index, value) for index, value in ((0, 2.0), (1, 1.0))}
    assert tap.take().flatten().tolist() == [1.0, 2.0]


def test_pickles_and_copies_while_features_are_held():
    network = build(EDSR)
    tap = FeatureTap(network).attach()
    network(image())
    for other in (pickle.loads(pickle.dumps(tap)), copy.deepcopy(tap)):
        assert other.name == 'upsample'
        with pytest.raises(OptionError, match='did not run'):
            other.take()
    copied = copy.deepcopy(network)
    assert torch.equal(copied(image()), network(image()))
    assert tap.take().grad_fn is not None
    tap.remove()


@pytest.mark.parametrize(
    'options, name, message',
    [
        (
            {'type': 'SRVGGNetCompact_basicsr', 'num_conv': 2, 'num_feat': 4},
            'auto',
            '(?s)features before the upsampler of SRVGGNetCompact are not known.*body.0, .*body.6, upsampler.*'
            'set sigma_tap',
        ),
        (
            {'type': 'RRDBNet', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 4, 'num_block': 1, 'num_grow_ch': 2},
            'auto',
            '(?s)RRDBNet are not known.*conv_first, body, conv_body, conv_up1',
        ),
        ({**SWINIR, 'upscale': 1, 'upsampler': ''}, 'auto', '(?s)SwinIR are not known.*conv_after_body, conv_last'),
        (
            EDSR,
            'upsampel',
            "(?s)EDSR has no module of that name.*conv_first.*found: +'upsampel'.*did you mean 'upsample'",
        ),
        (EDSR, '', 'has no module of that name'),
        (
            {'type': 'BicubicResidual', 'upscale': 2, 'base': EDSR},
            'upsample',
            "(?s)no module of that name.*base.conv_first.*did you mean 'base.upsample'",
        ),
    ],
)
def test_what_is_refused(options, name, message):
    with pytest.raises(OptionError, match=message):
        find_tap(build(options), name)


def test_many_candidates_are_cut():
    network = build({'type': 'SRVGGNetCompact_basicsr', 'num_conv': 30, 'num_feat': 2})
    with pytest.raises(OptionError, match=r'\.\.\., body\.24, .*body\.62, upsampler'):
        find_tap(network)


def test_an_input_that_is_no_feature_map():
    network = build({**SWINIR, 'upscale': 2, 'upsampler': 'pixelshuffle'})
    with pytest.raises(OptionError, match=r"(?s)input of 'norm' of SwinIR is no feature map.*found: +\(1, 256, 12\)"):
        tap_shape(network, 'norm')
    with pytest.raises(OptionError, match="'layers.0.residual_group.blocks.0.drop_path' of SwinIR did not run"):
        tap = FeatureTap(network, 'layers.0.residual_group.blocks.0.drop_path')
        with tap:
            pass
        tap.take()
