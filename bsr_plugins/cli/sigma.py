"""``basicsr sigma``: E|y - mu| over the training set, by ``bsr_plugins.analysis.constant_sigma``."""

from __future__ import annotations

import argparse
from typing import List

from bsr_plugins.cli.messages import say

HELP = 'measure the constant sigma that sigma maps are compared with'
DESCRIPTION = """\
Measure the mean of |y - mu| over the images of the training set and write it to
  <weights>_constant_sigma.json    read by tests with val.sigma: true, as the row beside calculate_pll and
                                   calculate_sigma_psnr (the baseline of Table 7 of "Revisiting L1 loss")
"""
INTERRUPTED = 'interrupted: nothing was written'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('-opt', required=True, metavar='YML', help='option file of the training')
    parser.add_argument('--weights', required=True, metavar='PTH', help='net_g_*.pth')
    parser.add_argument('--param-key', default='params', help='params or params_ema (%(default)s)')
    parser.add_argument('--device', default='auto', help='cpu or cuda (default: cuda where there is one)')


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Measure, and print what was measured and where it stands."""
    from bsr_plugins.host.registration import register_all

    register_all()
    from bsr_plugins.analysis.constant_sigma import measure_constant_sigma
    from bsr_plugins.models.constant_sigma import constant_sigma_path

    result = measure_constant_sigma(args.opt, args.weights, args.param_key, args.device)
    say(
        f'{constant_sigma_path(args.weights)}: E|y - mu| {result["constant_sigma"]:.6f}, RMSE {result["rmse"]:.6f}, '
        f'{result["images"]} images'
    )
    return 0
