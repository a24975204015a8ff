"""``basicsr rfs``: what random filter sampling makes of a training set, by ``bsr_plugins.analysis.rfs_draws``."""

from __future__ import annotations

import argparse
from typing import Any, Dict, List

from bsr_plugins.cli.messages import say, say_error
from bsr_plugins.cli.unused_arguments import refuse_unused, value_of
from bsr_plugins.common.errors import DependencyError, OptionError
from bsr_plugins.common.shown import Lines
from bsr_plugins.data.images.image_store import is_keyed
from bsr_plugins.data.images.shared_options import FILENAME_TMPL
from bsr_plugins.data.sampling.sampling_options import NUM_INTERVALS

HELP = 'show what random filter sampling (RFS of BSR) does to a training set'
DESCRIPTION = """\
Draw patches as plain random crops and as balanced batches (BSR, Table 1), print the share of each interval of patch
information capacity (PIC), and write
  OUT_histogram.png   the shares before and after balancing
  OUT_batch.png       the LR patches of one batch, flattest first
"""
EXAMPLES = """\
examples:
  %(prog)s -opt options/train_BSR_x4.yml
  %(prog)s --gt datasets/DIV2K/DIV2K_train_HR --lq datasets/DIV2K/DIV2K_train_LR_bicubic/X4 --lq-template {}x4 \\
      --scale 4 --gt-size 192
"""
# The option of the data set, what the command line says it by, and what it is where neither says it.
_OPTIONS = (
    ('filename_tmpl', '--lq-template', FILENAME_TMPL.default),
    ('gt_size', '--gt-size', 192),
    ('batch_size_per_gpu', '--batch', 16),
    ('num_intervals', '--intervals', NUM_INTERVALS.default),
)
_OUT = 'results/rfs'
INTERRUPTED = 'interrupted: no figure is left half-written'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('-opt', metavar='YML', help='option file whose training set is an RFSBalancedBatchDataset')
    parser.add_argument('--gt', metavar='PATH', help='HR images: a folder or an .lmdb (without -opt)')
    parser.add_argument('--lq', metavar='PATH', help='LR images, likewise')
    parser.add_argument(
        '--lq-template', metavar='T', help=f'filename_tmpl of the LR images ({FILENAME_TMPL.default}; -opt: as it says)'
    )
    parser.add_argument('--scale', type=int, metavar='S', help='upscaling factor')
    parser.add_argument('--gt-size', type=int, metavar='N', help='side of the HR patches (192; -opt: as it says)')
    parser.add_argument('--batch', type=int, metavar='N', help='patches in a batch (16; -opt: as it says)')
    parser.add_argument(
        '--intervals', type=int, metavar='P', help=f'intervals of PIC ({NUM_INTERVALS.default}; -opt: as it says)'
    )
    parser.add_argument(
        '--patches', type=int, default=16384, metavar='N', help='number of patches to draw (%(default)s)'
    )
    parser.add_argument('--seed', type=int, default=0, metavar='N', help='manual_seed of the draws (%(default)s)')
    parser.add_argument('--out', metavar='OUT', help=f'start of the names of the figures ({_OUT})')
    parser.add_argument('--no-pictures', action='store_true', help='print only the table')


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Print the table of intervals and write the two figures."""
    if args.no_pictures:
        refuse_unused(args, 'with --no-pictures', '--out')
    options = {**_dataset_options(args), **_given(args)}
    from bsr_plugins.host.registration import register_all

    register_all()
    from bsr_plugins.analysis.rfs_draws import draw_patches
    from bsr_plugins.analysis.rfs_figures import table_text, write_rfs_figures

    draws = draw_patches(options, args.patches, args.seed)
    say(Lines(table_text(draws.table)))
    if args.no_pictures:
        return 0
    title = f'x{options["scale"]}, LR patches of {options["gt_size"] // options["scale"]} pixels'
    try:
        for path in write_rfs_figures(args.out or _OUT, draws.table, draws.batch, title):
            say(str(path))
    except DependencyError as error:
        say_error(f'figures skipped: {error}')
    return 0


def _dataset_options(args: argparse.Namespace) -> Dict[str, Any]:
    flags = {'--gt': args.gt, '--lq': args.lq, '--scale': args.scale}
    given = [name for name, value in flags.items() if value is not None]
    if args.opt is not None:
        from bsr_plugins.analysis.rfs_draws import dataset_options
        from bsr_plugins.options.option_file import read_option_file

        if given:
            raise OptionError(
                'The data set is named twice',
                where=', '.join(['-opt', *given]),
                expected=f'-opt, or {", ".join(flags)}',
                remedy='leave one of them out',
            )
        return dataset_options(read_option_file(args.opt).options, args.opt)
    if len(given) < len(flags):
        missing = [name for name in flags if name not in given]
        raise OptionError(
            'The data set is not named', where=', '.join(missing), expected=f'-opt, or {", ".join(flags)}'
        )
    return {
        'name': 'command line',
        'type': 'RFSBalancedBatchDataset',
        'phase': 'train',
        'dataroot_gt': args.gt,
        'dataroot_lq': args.lq,
        'scale': args.scale,
        'io_backend': {'type': 'lmdb' if is_keyed(args.gt) else 'disk'},
        **{option: usual for option, _, usual in _OPTIONS},
    }


def _given(args: argparse.Namespace) -> Dict[str, Any]:
    """Return what the command line says of the data set, whichever way that is named."""
    given = ((option, value_of(args, flag)) for option, flag, _ in _OPTIONS)
    return {option: value for option, value in given if value is not None}
