"""BicubicResidual: both kernels against golden values and BasicSR's imresize, weights under base., refusals."""

from __future__ import annotations

import copy

import pytest
import torch

from bsr_plugins.archs.bicubic_residual_arch import BicubicResidual, upsample_bicubic
from bsr_plugins.archs.fsrcnn_arch import FSRCNN
from bsr_plugins.common.errors import CheckpointError, OptionError

SMALL = {'type': 'FSRCNN', 'd': 8, 's': 4, 'm': 1}


def zeroed(network):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    return network


def test_torch_kernel_by_hand():
    image = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
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


@pytest.mark.parametrize(
    'base',
    [
        {'type': 'EDSR', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 8, 'num_block': 1, 'upscale': 2},
        {**SMALL, 'upscale': 2},
    ],
)
def test_any_base(base):
    from basicsr.archs import build_network

    before = copy.deepcopy(base)
    network = build_network({'type': 'BicubicResidual', 'upscale': 2, 'base': base})
    assert base == before
    loss = network(torch.rand(1, 3, 6, 6)).abs().mean()
    loss.backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(
    'base, message',
    [
        ({'type': 'MSRResNet', 'upscale': 4, 'num_feat': 8, 'num_block': 1}, 'MSRResNet adds a bilinear image itself'),
        ({'type': 'BicubicResidual', 'upscale': 4, 'base': {**SMALL, 'upscale': 4}}, 'adds a bicubic image itself'),
        ({**SMALL, 'upscale': 2}, '(?s)different scales.*found: +2.*give the base upscale: 4'),
        ({'d': 8}, 'needs the options of its base'),
        (None, '(?s)BicubicResidual.base.*keys and values.*found: +None'),
        ('FSRCNN', '(?s)BicubicResidual.base.*keys and values'),
    ],
)
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


# --------------------------------------------------------------------------------------------- checkpoints, both ways


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return ``load(network, state, strict)``: BasicSR's own load_network, and what it logged as (level, text)."""
    import logging

    import basicsr.models.base_model
    import basicsr.utils
    from basicsr.models.base_model import BaseModel

    lines = []

    class Lines(logging.Handler):
        def emit(self, record):
            lines.append((record.levelname, record.getMessage()))

    logger = logging.Logger('test')
    logger.addHandler(Lines())
    for module in (basicsr.utils, basicsr.models.base_model):
        monkeypatch.setattr(module, 'get_root_logger', lambda: logger)

    def run(network, state, strict=True):
        torch.save({'params': state}, tmp_path / 'net.pth')
        lines.clear()
        BaseModel({'num_gpu': 0, 'is_train': False}).load_network(network, str(tmp_path / 'net.pth'), strict)
        return list(lines)

    return run


def small_edsr(upscale=2):
    return {'type': 'EDSR', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 4, 'num_block': 1, 'upscale': upscale}


def build(options, seed=0):
    from basicsr.archs import build_network

    torch.manual_seed(seed)
    return build_network(options)


def residual(upscale=2, seed=0):
    return build({'type': 'BicubicResidual', 'upscale': upscale, 'base': small_edsr(upscale)}, seed)


@pytest.mark.parametrize('strict', [True, False])
def test_weights_of_the_bare_base_are_accepted_and_said(load, strict):
    bare, network = build(small_edsr(), seed=1), residual()
    lines = load(network, bare.state_dict(), strict)
    image = torch.rand(1, 3, 6, 6)
    with torch.no_grad():
        assert torch.equal(network(image), bare(image) + upsample_bicubic(image, 2))
    count = len(bare.state_dict())
    assert [text for level, text in lines if level == 'INFO'][-1].startswith(
        f'BicubicResidual: these are weights of a bare EDSR; {count} of {count} go into its base.'
    )
    # BasicSR compares the keys before; what follows tells why all of them differ.
    assert lines[-1][0] == 'INFO' and ('WARNING', '  base.conv_first.weight') in lines


@pytest.mark.parametrize('strict', [True, False])
def test_its_own_weights_are_loaded_in_silence(load, strict):
    network, other = residual(), residual(seed=1)
    lines = load(network, other.state_dict(), strict)
    assert [level for level, _ in lines] == ['INFO'] and 'Loading BicubicResidual model' in lines[0][1]
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in network.state_dict().items())


def test_its_own_weights_never_load_silently_into_the_bare_base(load):
    bare, state = build(small_edsr()), residual(seed=1).state_dict()
    before = copy.deepcopy(bare.state_dict())
    with pytest.raises(RuntimeError, match='(?s)conv_first.weight.*base.conv_first.weight'):
        load(bare, state)
    with pytest.raises(CheckpointError, match='None of the weights fits the network'):
        load(bare, state, strict=False)
    assert all(torch.equal(before[key], value) for key, value in bare.state_dict().items())


def test_another_scale_loads_non_strictly_but_for_the_upsampler(load):
    bare, network = build(small_edsr(3), seed=1), residual(2)
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(CheckpointError, match='other shapes: base.upsample.0.weight') as caught:
        load(network, bare.state_dict())
    assert 'missing' not in str(caught.value), 'the names are those of the base, and right'
    network.load_state_dict(before)
    lines = load(network, bare.state_dict(), strict=False)
    ignored = [text for level, text in lines if level == 'WARNING' and text.startswith('Size different')]
    assert [text.split('[')[1].split(']')[0] for text in ignored] == ['base.upsample.0.weight', 'base.upsample.0.bias']
    assert torch.equal(network.base.upsample[0].weight, before['base.upsample.0.weight'])
    assert torch.equal(network.base.conv_first.weight, bare.conv_first.weight)


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda state: state.pop('conv_last.bias'), 'base.conv_last.bias'),
        (lambda state: state.update(odd=torch.zeros(1)), 'odd'),
    ],
)
def test_weights_that_fit_in_part_are_refused_strictly(change, message):
    state = dict(build(small_edsr()).state_dict())
    change(state)
    with pytest.raises(RuntimeError, match=f'(?s){message}'):
        residual().load_state_dict(state)


def test_weights_of_another_network_are_refused_as_ever(load):
    state = FSRCNN(d=8, s=4, m=1).state_dict()
    with pytest.raises(RuntimeError, match='(?s)base.conv_first.weight.*feature.0.weight'):
        residual().load_state_dict(state)
    with pytest.raises(CheckpointError, match='None of the weights fits the network'):
        load(residual(), state, strict=False)


def test_a_base_with_a_module_called_base():
    class Inner(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.base = torch.nn.Linear(1, 1)

    network, bare, other = residual(), Inner(), residual()
    network.base, other.base = Inner(), Inner()
    network.load_state_dict(bare.state_dict())
    assert torch.equal(network.base.base.weight, bare.base.weight)
    network.load_state_dict(other.state_dict())
    assert torch.equal(network.base.base.weight, other.base.base.weight)


def test_the_state_that_is_given_is_left_as_it_is():
    state = build(small_edsr(), seed=1).state_dict()
    keys = list(state)
    residual().load_state_dict(state)
    assert list(state) == keys


# ------------------------------------------------------------------------------------------- bases that add an image


SINGLE_IMAGE = {
    'EDSR': small_edsr(),
    'FSRCNN': {**SMALL, 'upscale': 2},
    'CARN': {'num_feat': 8, 'upscale': 2},
    'BSRNet': {'num_feat': 8, 'num_fmg': 2, 'num_rb': 1, 'upscale': 2},
    'SRResNet': {'num_feat': 4, 'num_block': 1, 'upscale': 2},
    'MSRN': {'num_feat': 4, 'num_block': 1, 'upscale': 2},
    'VDSR': {'num_feat': 4, 'num_layer': 2, 'upscale': 2},
    'IDN': {'num_feat': 16, 'num_block': 1, 'd': 4, 'upscale': 2},
    'RCAN': {'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 16, 'num_group': 1, 'num_block': 1, 'upscale': 2},
    'MSRResNet': {'num_feat': 4, 'num_block': 1, 'upscale': 2},
    'RRDBNet': {'num_in_ch': 3, 'num_out_ch': 3, 'scale': 2, 'num_feat': 4, 'num_block': 1, 'num_grow_ch': 2},
    'SRVGGNetCompact_basicsr': {'num_feat': 4, 'num_conv': 1, 'upscale': 2},
    'ECBSR': {
        'num_in_ch': 3,
        'num_out_ch': 3,
        'num_block': 1,
        'num_channel': 4,
        'with_idt': False,
        'act_type': 'prelu',
        'scale': 2,
    },
    'RIDNet': {'in_channels': 3, 'mid_channels': 16, 'out_channels': 3, 'num_block': 1},
    'SwinIR': {
        'upscale': 2,
        'img_size': 8,
        'window_size': 4,
        'depths': [1],
        'embed_dim': 4,
        'num_heads': [2],
        'upsampler': 'pixelshuffle',
    },
    'SwinIR for denoising': {
        'type': 'SwinIR',
        'upscale': 1,
        'img_size': 8,
        'window_size': 4,
        'depths': [1],
        'embed_dim': 4,
        'num_heads': [2],
        'upsampler': '',
    },
    'BicubicResidual': {'upscale': 2, 'base': small_edsr()},
}


@pytest.mark.parametrize('name', SINGLE_IMAGE)
def test_refused_is_what_emits_an_image_without_weights(name):
    """With all weights zero, a network that adds an image emits one; every other emits a constant."""
    options = {'type': name, **SINGLE_IMAGE[name]}
    with torch.no_grad():
        output = zeroed(build(options).eval())(torch.rand(1, 3, 8, 8))
    adds = (output - output.mean((2, 3), keepdim=True)).abs().max() > 1e-5
    upscale = output.shape[-1] // 8
    if adds:
        with pytest.raises(OptionError, match='adds (a (bilinear|nearest|bicubic) image|the input) itself'):
            BicubicResidual(options, upscale)
    else:
        assert BicubicResidual(options, upscale)(torch.rand(1, 3, 8, 8)).shape == output.shape
