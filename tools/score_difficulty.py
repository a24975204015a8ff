#!/usr/bin/env python3
"""Command line of ``bsr_plugins.data.difficulty.scoring``: how hard each sub-image is, for BSPA's classes."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path
from typing import Any, List, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bsr_plugins.common.errors import BsrPluginsError, DependencyError, OptionError  # noqa: E402

DESCRIPTION = """\
Score each sub-image by the MSE (luma, 8 bit, border = scale) of a reference super-resolution and write
  HR_LMDB/difficulty_x<scale>.txt              key -> MSE; the classes are derived from it when training starts
  HR_LMDB/difficulty_x<scale>_histogram.png    the long tail, with the edges of 10 classes
  HR_LMDB/difficulty_x<scale>_contact_sheet.png  the easiest and hardest sub-images

The reference is bicubic upscaling, which needs no weights; the paper's is a trained MSRResNet, given by --opt and
--weights: `basicsr train -opt options/train_MSRResNet_x4.yml` trains one. Interrupted at any moment, the same command
goes on where it stopped.
"""
EXAMPLES = """\
examples:
  %(prog)s --hr-lmdb datasets/DIV2K/sub_128/HR_sub.lmdb --lr-lmdb datasets/DIV2K/sub_128/LR_sub_x4.lmdb --scale 4
  # the paper's scorer, one forward pass per image: about three times faster, the same ranking but for near ties
  %(prog)s --hr-lmdb datasets/DIV2K/sub_128/HR_sub.lmdb --lr-lmdb datasets/DIV2K/sub_128/LR_sub_x4.lmdb --scale 4 \\
      --opt options/train_MSRResNet_x4.yml --weights experiments/train_MSRResNet_x4/models/net_g_latest.pth \\
      --whole-image
"""


def parse(argv: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--hr-lmdb', required=True, metavar='LMDB', help='HR sub-images, by create_subimage_lmdb.py')
    parser.add_argument('--lr-lmdb', required=True, metavar='LMDB', help='LR sub-images of the same windows')
    parser.add_argument('--scale', required=True, type=int, metavar='S', help='upscaling factor')
    parser.add_argument('--scorer', choices=['bicubic'], help='a reference without weights (default: bicubic)')
    parser.add_argument('--opt', metavar='YML', help='option file of the scoring network: its network_g is taken')
    parser.add_argument('--weights', metavar='PTH', help='its trained weights')
    parser.add_argument('--whole-image', action='store_true', help='one forward pass per image: 3 times faster')
    parser.add_argument('--hr', metavar='DIR', help='HR images, if not where the LMDB was made from')
    parser.add_argument('--lr', metavar='DIR', help='LR images, if not where the LMDB was made from')
    parser.add_argument('--device', default='auto', help='cpu, cuda, cuda:1 (default: cuda where there is one)')
    parser.add_argument('--batch', type=int, default=32, metavar='N', help='windows in a forward pass (32)')
    parser.add_argument('--out', metavar='TXT', help='difficulty file (default: inside the HR LMDB)')
    parser.add_argument('--no-pictures', action='store_true', help='write the difficulty file alone')
    return parser.parse_args(argv)


def make_scorer(options: argparse.Namespace) -> Any:
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer, choose_device, network_scorer

    device = choose_device(options.device)
    if options.opt is None and options.weights is None:
        return bicubic_scorer(options.scale, device)
    if options.opt is None or options.weights is None or options.scorer is not None:
        raise OptionError(
            'A network is given by --opt and --weights together, without --scorer',
            found=', '.join(name for name in ('opt', 'weights', 'scorer') if getattr(options, name)),
            remedy='give both, or neither for the bicubic scorer',
        )
    return network_scorer(options.opt, options.weights, options.scale, device)


def draw(result: Any, hr_lmdb: str) -> None:
    try:
        from bsr_plugins.analysis.difficulty_figures import write_difficulty_figures

        for figure in write_difficulty_figures(result.path, result.keys, result.mse, hr_lmdb, result.header):
            print(figure)
    except DependencyError as error:
        print(f'figures skipped: {error}', file=sys.stderr)


def main(argv: Optional[List[str]] = None) -> int:
    options = parse(argv)
    logging.basicConfig(level=logging.WARNING, format='%(message)s')
    start = time.monotonic()
    try:
        from bsr_plugins.data.difficulty.scoring import score_difficulty

        result = score_difficulty(
            options.hr_lmdb,
            options.lr_lmdb,
            options.scale,
            make_scorer(options),
            whole_image=options.whole_image,
            hr=options.hr,
            lr=options.lr,
            batch=options.batch,
            out=options.out,
        )
        state = f'{result.scored} scored in {time.monotonic() - start:.1f} s' if result.scored else 'already there'
        print(f'{result.path}: {len(result.keys)} sub-images, {state}')
        if not options.no_pictures:
            draw(result, options.hr_lmdb)
    except BsrPluginsError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('interrupted: run the same command again to go on from here', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
