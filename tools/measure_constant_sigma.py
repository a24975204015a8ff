#!/usr/bin/env python3
"""Command line of ``bsr_plugins.models.constant_sigma``: E|y - mu| over the training set, kept beside the weights."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import List, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bsr_plugins.common.errors import BsrPluginsError  # noqa: E402

DESCRIPTION = """\
Measure the mean of |y - mu| over the images of the training set and write it to
  <weights>_constant_sigma.json    read by tests with val.sigma: true, as the row beside calculate_pll and
                                   calculate_sigma_psnr (the baseline of Table 7 of "Revisiting L1 loss")
"""


def parse(argv: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-opt', required=True, metavar='YML', help='option file of the training')
    parser.add_argument('--weights', required=True, metavar='PTH', help='net_g_*.pth')
    parser.add_argument('--param-key', default='params', help='params or params_ema (%(default)s)')
    parser.add_argument('--device', default='auto', help='cpu or cuda (default: cuda where there is one)')
    return parser.parse_args(argv)


def main(argv: Optional[List[str]] = None) -> int:
    options = parse(argv)
    try:
        from bsr_plugins.host.registration import register_all

        register_all()
        from bsr_plugins.models.constant_sigma import constant_sigma_path, measure_constant_sigma

        result = measure_constant_sigma(options.opt, options.weights, options.param_key, options.device)
        print(
            f'{constant_sigma_path(options.weights)}: E|y - mu| {result["constant_sigma"]:.6f}, RMSE '
            f'{result["rmse"]:.6f}, {result["images"]} images'
        )
    except BsrPluginsError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('interrupted: nothing was written', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
