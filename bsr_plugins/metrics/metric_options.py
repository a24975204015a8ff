"""The options of the pack's metrics: keys of ``val.metrics.<name>``."""

from __future__ import annotations

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.option import Option, OptionSet
from bsr_plugins.common.option_kinds import FLAG, choice, number, optional, whole

_IMAGES = (
    Option('crop_border', whole(0), 0, 'pixels left out at each edge'),
    Option('input_order', choice('HWC', 'CHW'), 'HWC', 'order of the axes'),
)
_BETTER = Option('better', optional(choice('higher', 'lower')), None, 'read by BasicSR to keep the best value')
_COMMON = (
    *_IMAGES,
    Option(
        'constant_sigma',
        optional(number(above=0, at_most=1)),
        None,
        'evaluated instead of the sigma map: the mean of |y - mu| over the training set',
    ),
    _BETTER,
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

SSIM_SKIMAGE = OptionSet(
    'metric',
    'calculate_ssim_skimage',
    "SSIM as scikit-image measures it, over a 7 x 7 uniform window: FPL's.",
    (*_IMAGES, Option('test_y_channel', FLAG, False, 'on Y of YCbCr, else on each channel'), _BETTER),
)

METRICS = (PLL, SIGMA_PSNR, SSIM_SKIMAGE)


def check_has_sigma(metric: str, has_sigma: bool) -> None:
    """Raise OptionError where a metric gets neither a sigma map nor a constant."""
    if not has_sigma:
        raise OptionError(
            f'{metric} needs the sigma map',
            expected='a model with network_sigma, its weights, and val.sigma: true',
            found='no sigma map',
            remedy='add network_sigma and val.sigma, or give the metric a constant_sigma',
        )
