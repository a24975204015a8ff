"""Networks with attention windows are tested at any size, padded to whole windows as by BasicSR's SwinIRModel."""

from __future__ import annotations

import pytest
import torch

from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel

SWINIR = {
    'type': 'SwinIR',
    'upscale': 2,
    'in_chans': 3,
    'img_size': 16,
    'window_size': 8,
    'img_range': 1.0,
    'depths': [1],
    'embed_dim': 12,
    'num_heads': [2],
    'mlp_ratio': 2,
    'upsampler': 'pixelshuffle',
}


def options(network):
    return {'num_gpu': 0, 'dist': False, 'is_train': False, 'scale': 2, 'network_g': network, 'path': {}}


@pytest.mark.parametrize('height, width', [(9, 13), (16, 8)])
def test_as_swinir_model(height, width):
    from basicsr.models.swinir_model import SwinIRModel

    ours, stock = RebalancedSRModel(options(SWINIR)), SwinIRModel(options(SWINIR))
    stock.net_g.load_state_dict(ours.net_g.state_dict())
    lq = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    for model in (ours, stock):
        model.feed_data({'lq': lq})
        model.test()
    assert ours.output.shape == (1, 3, 2 * height, 2 * width)
    assert torch.equal(ours.output, stock.output)


def test_other_networks_are_not_padded():
    model = RebalancedSRModel(options({'type': 'FSRCNN', 'upscale': 2}))
    model.feed_data({'lq': torch.rand(1, 3, 9, 13)})
    model.test()
    with torch.no_grad():
        assert torch.equal(model.output, model.net_g(model.lq))


@pytest.mark.parametrize('height, width', [(9, 13), (16, 8)])
def test_a_base_with_windows_is_padded_too(height, width):
    model = RebalancedSRModel(options({'type': 'BicubicResidual', 'upscale': 2, 'base': SWINIR}))
    given = model.opt
    lq = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    model.feed_data({'lq': lq})
    model.test()
    assert model.output.shape == (1, 3, 2 * height, 2 * width) and model.opt is given
    if (height, width) == (16, 8):
        with torch.no_grad():
            assert torch.equal(model.output, model.net_g.eval()(lq))
