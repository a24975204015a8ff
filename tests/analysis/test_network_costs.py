"""Parameters and MACs against numbers that others published, and by hand."""

from __future__ import annotations

import pytest
from torch import nn

from bsr_plugins.analysis.network_costs import count_macs, network_costs
from bsr_plugins.common.builders import build_network
from bsr_plugins.common.errors import OptionError


@pytest.mark.parametrize(
    ('options', 'parameters', 'giga'),
    [
        # CARN (ECCV 2018), Table 1, "MultAdds" at 1280 x 720: CARN 90.9 G; EDSR-baseline in the papers after it: 114.2
        ({'type': 'CARN', 'upscale': 4}, 1_111_875, 90.9),
        ({'type': 'EDSR', 'num_in_ch': 3, 'num_out_ch': 3, 'upscale': 4}, 1_517_571, 114.2),
        ({'type': 'EDSR', 'num_in_ch': 3, 'num_out_ch': 3, 'upscale': 3}, 1_554_499, 160.3),
    ],
)
def test_published_numbers(options, parameters, giga):
    costs = network_costs(build_network(options).eval(), options['upscale'])
    assert (costs.parameters, round(costs.macs / 1e9, 1)) == (parameters, giga)


def test_what_does_not_grow_with_the_image_is_counted_once():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv2d(3, 3, 3, padding=1)
            self.squeeze = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            x = self.convolution(x)
            return x * self.squeeze(x.mean((2, 3), keepdim=True))

    network = Attention()
    assert count_macs(network, 5, 7) == 5 * 7 * 81 + 9
    assert network_costs(network, 2, window=12) == (9 * 9 + 3 + 9 + 3, 640 * 360 * 81 + 9)


def test_a_network_of_grey_images():
    with pytest.raises(OptionError, match='Conv2d takes no RGB image of 32 x 32'):
        network_costs(nn.Conv2d(1, 1, 3), 1)
