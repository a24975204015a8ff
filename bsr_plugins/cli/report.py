"""``basicsr report RUN TWIN``: what trained experiments are worth on test images, against their twin."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import List

from bsr_plugins.cli.messages import print_findings, say
from bsr_plugins.cli.unused_arguments import refuse_unused
from bsr_plugins.common.errors import OptionError

HELP = 'compare experiments that are trained already: tests, tables, intervals, figures'
DESCRIPTION = """\
Test experiments that exist, of any methods, trained with this pack or without, and write a report on them:
  OUT/report.html     one page: scores, gains with 95 % intervals, figures; opens without a network
  OUT/report.md, OUT/report.json, OUT/per_image.csv, OUT/images/

RUN and TWIN are folders experiments/<name> as BasicSR leaves them: the copied option file and the weights. The last
one is the twin, what the others are compared with. Experiments that differ in nothing but their seed are one method,
and the more seeds each method has, the more the intervals can tell. What is tested is kept in OUT/tests: the same
command again tests only what is new.

With --augment, what train.augment of an option file makes of the batches of its training set, nothing is trained:
  OUT/augment.html, OUT/augment_N.png
"""
EXAMPLES = """\
examples:
  %(prog)s experiments/train_BSPA experiments/train_plain
  %(prog)s experiments/a_s0 experiments/a_s1 --twin experiments/b_s0 experiments/b_s1
  %(prog)s experiments/a experiments/b --test Set5 datasets/Set5/HR datasets/Set5/LRbicx4 --out results/a_b
  %(prog)s experiments/fpl experiments/l1 --pictures weights --image Set5/butterfly
  %(prog)s --augment options/train_EDSR_add_x4.yml --batches 2
"""
INTERRUPTED = 'interrupted: run the same command again to continue from here'
#: Pictures of the papers, and training windows a class: as in ``analysis``, whose imports --help does without.
PICTURES, WINDOWS = ('weights', 'norms', 'sigma'), 40
BATCHES = 3
EXIT_DONE, EXIT_FAILED, EXIT_WRONG_INPUT = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('runs', nargs='*', metavar='RUN', help='experiments; the last one is the twin without --twin')
    parser.add_argument('--twin', nargs='+', default=[], metavar='DIR', help='experiments of the twin, one a seed')
    parser.add_argument(
        '--test',
        nargs=3,
        action='append',
        default=[],
        metavar=('NAME', 'GT', 'LQ'),
        help="test images: a name, the folder of HR and that of LR images; may be repeated (default: the twin's "
        'validation sets)',
    )
    parser.add_argument('--iter', type=int, metavar='N', help='test net_g_N.pth (default: net_g_latest.pth)')
    parser.add_argument(
        '--pictures',
        nargs='+',
        choices=PICTURES,
        default=[],
        help="the papers' pictures too: FPL's weights, errors by the L2 and the Lp norm, sigma while training",
    )
    parser.add_argument('--image', metavar='SET/NAME', help='image of these (default: the first of the first set)')
    parser.add_argument(
        '--windows',
        type=int,
        default=WINDOWS,
        metavar='N',
        help='training windows of each difficulty class that every run super-resolves (%(default)s; 0: none)',
    )
    parser.add_argument('--augment', metavar='X.yml', help='draw the augmented batches of this training file instead')
    parser.add_argument(
        '--batches', type=int, metavar='N', help=f'how many of them (default: {BATCHES}); a picture shows 6 samples'
    )
    parser.add_argument(
        '--out',
        metavar='DIR',
        help='folder of the report (default: results/report_<RUN>_<TWIN>, or results/augment_<X>)',
    )


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Test, report, print what was found; 0, or 1 where a run could not be tested, 2 where the folders are wrong.

    Raises:
        OptionError: There is nothing to compare with.
    """
    if args.augment:
        return _draw_augmentation(args)
    refuse_unused(args, 'without --augment', '--batches')
    if len(args.runs) + len(args.twin) < 2:
        raise OptionError(
            'One experiment alone cannot be compared',
            found=', '.join(args.runs + args.twin) or 'no experiment',
            remedy='name its twin behind it: the experiment that was trained without the method',
        )
    from bsr_plugins.comparison.reported_runs import plan_report, test_all

    runs, twins = ([Path(name) for name in names] for names in (args.runs, args.twin))
    sets = [(name, Path(gt), Path(lq)) for name, gt, lq in args.test]
    planned, findings = plan_report(runs, twins, sets, args.iter)
    if planned is None:
        print_findings(findings)
        return EXIT_WRONG_INPUT
    last = (twins or runs)[0 if twins else -1]
    out = Path(args.out or Path('results') / f'report_{runs[0].name}_{last.name}')
    compared = test_all(planned, out, say)

    from bsr_plugins.analysis.report import read_results, write_report
    from bsr_plugins.analysis.report_words import summary

    page = write_report(compared, out, (), args.pictures, args.image, args.windows)
    results = read_results(out)
    say('', *summary(results), '', str(page))
    return EXIT_FAILED if results['failed'] else EXIT_DONE


def _draw_augmentation(args: argparse.Namespace) -> int:
    given = [*args.runs, *args.twin, *args.test, *args.pictures]
    refuse_unused(args, 'with --augment', '--iter', '--image')
    if given or args.windows != WINDOWS:
        raise OptionError(
            'With --augment no experiments are compared',
            found=given[0] if given else '--windows',
            remedy='leave out all but --batches and --out',
        )
    batches = BATCHES if args.batches is None else args.batches
    if batches < 1:
        raise OptionError('No batch is to be drawn', where='--batches', expected='a whole number >= 1', found=batches)
    from bsr_plugins.host.registration import register_all

    register_all()
    from bsr_plugins.analysis.augment_pictures import draw_augmentation

    out = Path(args.out or Path('results') / f'augment_{Path(args.augment).stem}')
    say(str(draw_augmentation(args.augment, out, batches)))
    return EXIT_DONE
