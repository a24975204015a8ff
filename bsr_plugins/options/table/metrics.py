"""The options of the pack's metrics: keys of ``val.metrics.<name>``."""

from __future__ import annotations

from bsr_plugins.options.table.key import Key, OptionSet
from bsr_plugins.options.table.kinds import choice, number, optional, whole

_COMMON = (
    Key('crop_border', whole(0), 0, 'pixels left out at each edge'),
    Key('input_order', choice('HWC', 'CHW'), 'HWC', 'order of the axes'),
    Key(
        'constant_sigma',
        optional(number(above=0, at_most=1)),
        None,
        'a number that is evaluated instead of the sigma map',
    ),
    Key('better', optional(choice('higher', 'lower')), None, 'read by BasicSR to keep the best value'),
)

METRICS = (
    OptionSet(
        'metric',
        'calculate_pll',
        'Mean log likelihood of the ground truth under N(mu, sigma^2), in nats; needs `val.sigma`.',
        (*_COMMON, Key('pll_sigma_min', number(above=0), 1e-3, 'floor of sigma')),
    ),
    OptionSet(
        'metric', 'calculate_sigma_psnr', 'PSNR of the sigma map against |y - mu|, in dB; needs `val.sigma`.', _COMMON
    ),
)
