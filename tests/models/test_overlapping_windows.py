"""val.windows: where the windows lie, what their averages are, memory bounded by batches, SwinIR and sigma maps too."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.overlapping_windows import OverlappingWindows
from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel
from cases import every

FSRCNN = {'type': 'FSRCNN', 'upscale': 2, 'd': 4, 's': 2, 'm': 1}
SWINIR = {
    'type': 'SwinIR',
    'upscale': 2,
    'img_size': 8,
    'window_size': 4,
    'depths': [1],
    'embed_dim': 4,
    'num_heads': [2],
    'upsampler': 'pixelshuffle',
}


def model_of(windows, network=FSRCNN):
    options = {'num_gpu': 0, 'dist': False, 'is_train': False, 'scale': 2, 'network_g': network, 'path': {}}
    return RebalancedSRModel({**options, 'val': {'windows': windows}})


def run_test(model, lq):
    model.feed_data({'lq': lq})
    model.test()
    assert model.lq.shape == lq.shape
    return model.output


def image(height, width, count=1):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    'side, starts', [(32, [0]), (33, [0, 1]), (60, [0, 28]), (61, [0, 28, 29]), (90, [0, 28, 56, 58]), (20, [0])]
)
def test_windows_of_fpls_code(side, starts):
    places = OverlappingWindows(32, 28, 32).places(side, 32)
    assert [rows.start for rows, _ in places] == starts
    assert all(rows.stop - rows.start == min(32, side) for rows, _ in places)


class Nearest(nn.Module):
    """A network without context."""

    def forward(self, x):
        self.batches = getattr(self, 'batches', []) + [len(x)]
        return nn.functional.interpolate(x, scale_factor=2)


@every('height, width', [(9, 21), (8, 8), (3, 5), (11, 3)])
def test_without_context_it_is_the_whole_image(height, width):
    model = model_of({'size': 8, 'step': 5, 'batch': 3})
    model.net_g = Nearest()
    lq = image(height, width, count=2)
    torch.testing.assert_close(run_test(model, lq), nn.functional.interpolate(lq, scale_factor=2))
    # Three windows of each of the two images at a time.
    assert max(model.net_g.batches) <= 6


def test_overlaps_are_averaged():
    model = model_of({'size': 8, 'step': 4})
    lq = image(8, 12)
    whole = run_test(model_of(None), lq)  # of other weights
    output = run_test(model, lq)
    with torch.no_grad():
        left, right = (model.net_g(lq[..., start : start + 8]) for start in (0, 4))
    expected = torch.cat([left[..., :8], (left[..., 8:] + right[..., :8]) / 2, right[..., 8:]], dim=-1)
    torch.testing.assert_close(output, expected)
    assert whole.shape == output.shape
    assert torch.equal(run_test(model, lq[..., :8]), left)


def test_the_sigma_map_is_put_together_too():
    model = model_of({'size': 8, 'step': 5, 'batch': 2})
    sigma = {'type': 'SigmaBranch', 'num_feat': 4, 'num_conv': 1}
    model.opt.update(network_sigma=sigma, val={'sigma': True}, is_train=True)  # without weights to load
    model.sigma.net = model.sigma.build_net()
    model.sigma.give_maps()
    output = run_test(model, image(9, 13))
    assert model.sigma.map.shape == output.shape == (1, 3, 18, 26)
    assert 0 < model.sigma.map.min() <= model.sigma.map.max() < 1


def test_windows_are_padded_to_attention_windows():
    """6 pixels are no multiple of 4: each window is padded as a whole image would be."""
    model, whole = model_of({'size': 6, 'step': 6}, SWINIR), model_of(None, SWINIR)
    whole.net_g.load_state_dict(model.net_g.state_dict())
    lq = image(6, 12)
    output = run_test(model, lq)
    assert output.shape == (1, 3, 12, 24)
    for start in (0, 6):
        torch.testing.assert_close(output[..., 2 * start : 2 * start + 12], run_test(whole, lq[..., start : start + 6]))


@pytest.mark.parametrize(
    'windows, message',
    [
        ({'size': 8, 'step': 9}, '(?s)val.windows.step.*at most size, 8'),
        ({'stpe': 9}, "(?s)no option 'stpe'.*did you mean 'step'"),
        ({'size': 0}, '(?s)val.windows.size.*>= 1'),
        (True, '(?s)val.windows.*keys and values'),
    ],
)
def test_what_is_refused(windows, message):
    with pytest.raises(OptionError, match=message):
        model_of(windows)
