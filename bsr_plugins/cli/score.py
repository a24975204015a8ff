"""``basicsr score``: how hard each sub-image is, for BSPA's classes, by ``bsr_plugins.data.difficulty.scoring``."""

from __future__ import annotations

import argparse
import logging
import time
from typing import TYPE_CHECKING, List, NamedTuple, Optional

from bsr_plugins.cli.messages import say, say_error
from bsr_plugins.cli.shard_arguments import add_shard_argument, given_shard, own_device, say_missing, shows_progress
from bsr_plugins.cli.unused_arguments import refuse_unused, value_of
from bsr_plugins.common.errors import DependencyError, OptionError
from bsr_plugins.data.difficulty.network_upscaler import BF16, FP32

if TYPE_CHECKING:
    from bsr_plugins.data.difficulty.scorers import Scorer
    from bsr_plugins.data.difficulty.scoring import ScoredDifficulty

HELP = 'score how hard each sub-image is; the classes of BSPA are made from it'
DESCRIPTION = """\
Score each sub-image by the MSE (luma, 8 bit, border = scale) of a reference super-resolution and write
  HR_LMDB/difficulty_x<scale>.txt              key -> MSE; the classes are derived from it when training starts
  HR_LMDB/difficulty_x<scale>_histogram.png    the long tail, with the edges of 10 classes
  HR_LMDB/difficulty_x<scale>_contact_sheet.png  the easiest and hardest sub-images

The reference is bicubic upscaling, which needs no weights; the paper's is a trained MSRResNet, given by --opt and
--weights: `basicsr train -opt options/train_MSRResNet_x4.yml` trains one. Interrupted at any moment, the same command
continues where it stopped.

Under torchrun each process scores a part on a GPU of its own; so does each job of an array with --shard. The last one
to finish puts the parts together: the file is that of a single run, byte for byte.
"""
EXAMPLES = """\
examples:
  %(prog)s --hr-lmdb datasets/DIV2K/sub_128/HR_sub.lmdb --lr-lmdb datasets/DIV2K/sub_128/LR_sub_x4.lmdb --scale 4
  # the paper's scorer, one forward pass per image: about three times faster, the same ranking but for near ties
  %(prog)s --hr-lmdb datasets/DIV2K/sub_128/HR_sub.lmdb --lr-lmdb datasets/DIV2K/sub_128/LR_sub_x4.lmdb --scale 4 \\
      --opt options/train_MSRResNet_x4.yml --weights experiments/train_MSRResNet_x4/models/net_g_latest.pth \\
      --whole-image
  # on all GPUs of this machine; on any number of machines, by a job array of slurm (sbatch --array=1-8)
  torchrun --nproc_per_node 8 -m bsr_plugins score --hr-lmdb ...
  %(prog)s --hr-lmdb ... --shard $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT
  # several data sets that are trained on as one (DF2K): a difficulty file in each
  %(prog)s --hr-lmdb datasets/DIV2K/sub_128/HR_sub.lmdb datasets/Flickr2K/sub_128/HR_sub.lmdb \\
      --lr-lmdb datasets/DIV2K/sub_128/LR_sub_x4.lmdb datasets/Flickr2K/sub_128/LR_sub_x4.lmdb --scale 4
"""
_BATCH = 32
INTERRUPTED = 'interrupted: run the same command again to continue from here'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--hr-lmdb', required=True, nargs='+', metavar='LMDB', help='HR sub-images, by `basicsr subimages`'
    )
    parser.add_argument(
        '--lr-lmdb', required=True, nargs='+', metavar='LMDB', help='LR sub-images of the same windows, in that order'
    )
    parser.add_argument('--scale', required=True, type=int, metavar='S', help='upscaling factor')
    parser.add_argument('--scorer', choices=['bicubic'], help='a reference that needs no weights (default: bicubic)')
    parser.add_argument('--opt', metavar='YML', help='option file of the scoring network: its network_g is taken')
    parser.add_argument('--weights', metavar='PTH', help='its trained weights')
    parser.add_argument(
        '--precision',
        choices=[FP32, BF16],
        help='of the network: fp32 (default), or bf16, three times faster where the processor or GPU computes in it; '
        'the classes are the same but for near ties',
    )
    parser.add_argument('--whole-image', action='store_true', help='one forward pass per image: 3 times faster')
    parser.add_argument('--hr', nargs='+', metavar='DIR', help='HR images, if not where the LMDB was made from')
    parser.add_argument('--lr', nargs='+', metavar='DIR', help='LR images, if not where the LMDB was made from')
    add_shard_argument(parser)
    parser.add_argument('--device', default='auto', help='cpu, cuda, cuda:1 (default: cuda where there is one)')
    parser.add_argument('--batch', type=int, metavar='N', help=f'windows in a forward pass ({_BATCH})')
    parser.add_argument('--out', nargs='+', metavar='TXT', help='difficulty file (default: inside the HR LMDB)')
    parser.add_argument('--no-pictures', action='store_true', help='write only the difficulty file')


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Write the difficulty file and its figures and print their paths."""
    if args.whole_image:
        refuse_unused(args, 'with --whole-image', '--batch')
    logging.basicConfig(level=logging.WARNING, format='%(message)s')
    from bsr_plugins.data.difficulty.scoring import score_difficulty

    pairs = _pairs(args)
    shard, scorer = given_shard(args), _scorer(args)
    for pair in pairs:
        start = time.monotonic()
        result = score_difficulty(
            pair.hr_lmdb,
            pair.lr_lmdb,
            args.scale,
            scorer,
            whole_image=args.whole_image,
            hr=pair.hr,
            lr=pair.lr,
            batch=_BATCH if args.batch is None else args.batch,
            out=pair.out,
            shard=shard,
            progress=shows_progress(),
        )
        took = f'{result.scored} scored in {time.monotonic() - start:.1f} s' if result.scored else 'already there'
        if result.missing and shard is not None:
            say_missing(str(result.path), shard, took, result.missing, ['score', *argv])
            continue
        say(f'{result.path}: {len(result.keys)} sub-images, {took}')
        if not args.no_pictures:
            _draw(result, pair.hr_lmdb)
    return 0


class _Pair(NamedTuple):
    hr_lmdb: str
    lr_lmdb: str
    hr: Optional[str]
    lr: Optional[str]
    out: Optional[str]


def _pairs(args: argparse.Namespace) -> List[_Pair]:
    """Return what belongs to each HR LMDB.

    Raises:
        OptionError: Of another argument there are more or fewer than of --hr-lmdb.
    """
    count = len(args.hr_lmdb)
    columns = []
    for flag in ('--hr-lmdb', '--lr-lmdb', '--hr', '--lr', '--out'):
        given = value_of(args, flag)
        if given is not None and len(given) != count:
            raise OptionError(
                f'{flag} and --hr-lmdb belong together one by one',
                where=flag,
                expected=f'{count}, as many as of --hr-lmdb',
                found=len(given),
            )
        columns.append([None] * count if given is None else given)
    if args.out is not None and len(set(args.out)) < count:
        raise OptionError(
            'Each LMDB has a difficulty file of its own', where='--out', expected=f'{count} files', found=args.out
        )
    return [_Pair(*row) for row in zip(*columns)]


def _scorer(args: argparse.Namespace) -> Scorer:
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer, network_scorer

    device = own_device(args.device)
    if args.opt is None and args.weights is None:
        refuse_unused(args, 'without --opt and --weights', '--precision')
        return bicubic_scorer(args.scale, device)
    if args.opt is None or args.weights is None or args.scorer is not None:
        raise OptionError(
            'A network is given by --opt and --weights together, without --scorer',
            found=', '.join(name for name in ('opt', 'weights', 'scorer') if getattr(args, name)),
            remedy='give both, or neither for the bicubic scorer',
        )
    return network_scorer(args.opt, args.weights, args.scale, device, args.precision or FP32)


def _draw(result: ScoredDifficulty, hr_lmdb: str) -> None:
    try:
        from bsr_plugins.analysis.difficulty_figures import write_difficulty_figures

        for figure in write_difficulty_figures(result.path, result.keys, result.mse, hr_lmdb, result.header):
            say(str(figure))
    except DependencyError as error:
        say_error(f'figures skipped: {error}')
