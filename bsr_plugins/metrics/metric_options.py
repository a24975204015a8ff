"""The options of the pack's metrics: keys of ``val.metrics.<name>``."""

from __future__ import annotations

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.option import Option, OptionSet
from bsr_plugins.common.option_kinds import choice, number, optional, whole

_COMMON = (
    Option('crop_border', whole(0), 0, 'pixels left out at each edge'),
    Option('input_order', choice('HWC', 'CHW'), 'HWC', 'order of the axes'),
    Option(
        'constant_sigma',
        optional(number(above=0, at_most=1)),
        None,
        'evaluated instead of the sigma map: the mean of |y - mu| over the training set',
    ),
    Option('better', optional(choice('higher', 'lower')), None, 'read by BasicSR to keep the best value'),
)

PLL = OptionSet(
    'metric',
    'calculate_pll',
    'Mean log likelihood of the ground truth under N(mu, sigma^2), in nats; needs `val.sigma`.',
    (
        *_COMMON,
        Option(
            'pll_sigma_min',
            number(above=0),
            1e-3,
            'smallest sigma: what is below counts as this',
            'the paper names none; rounding to 8 bits by itself has a standard deviation of 1.1e-3',
        ),
    ),
)
SIGMA_PSNR = OptionSet(
    'metric', 'calculate_sigma_psnr', 'PSNR of the sigma map against |y - mu|, in dB; needs `val.sigma`.', _COMMON
)

METRICS = (PLL, SIGMA_PSNR)


def check_has_sigma(metric: str, has_sigma: bool) -> None:
    """Raise OptionError where a metric gets neither a sigma map nor a constant."""
    if not has_sigma:
        raise OptionError(
            f'{metric} needs the sigma map',
            expected='a model with network_sigma, its weights, and val.sigma: true',
            found='no sigma map',
            remedy='add network_sigma and val.sigma, or give the metric a constant_sigma',
        )
