"""``basicsr option``: writes option files, shipped or of any network, method and scale (``options.templates``)."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from bsr_plugins.cli import written_grids
from bsr_plugins.cli.placed_files import (
    FOLDER,
    holds,
    in_the_way_error,
    name_for,
    named_place,
    names_the_file,
    place,
    refuse_others,
    written,
    written_or_kept,
)
from bsr_plugins.cli.unused_arguments import refuse_unused
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.images.degradations import DEGRADATIONS
from bsr_plugins.options.templates.catalogue import Maker, maker_of, named_maker, shipped_files, shipped_makers
from bsr_plugins.options.templates.methods import METHODS
from bsr_plugins.options.templates.networks import NETWORKS
from bsr_plugins.options.templates.protocols import SCALES
from bsr_plugins.options.templates.recipe import Recipe
from bsr_plugins.options.templates.render import render
from bsr_plugins.options.templates.setting import Setting
from bsr_plugins.options.templates.sweeps import SWEEPS

HELP = 'write an option file: a shipped one, or that of any network, method and scale; or a grid of methods'
DESCRIPTION = """\
Write option files for BasicSR, by their names or by network, method and scale, and grids of methods. They go to the
folder options/ of the working directory. A file that exists and differs is kept, unless --force is given. With --out
FILE.yml the experiment is called FILE, and the commands in the file's comments name that file; with a folder, names
stay as shipped.
"""
EXAMPLES = """\
examples:
  %(prog)s --list                                           what there is
  %(prog)s train_RCAN_bspa_x4 train_RCAN_baseline_x4        writes options/train_RCAN_bspa_x4.yml and its twin
  %(prog)s train_RCAN_bspa_x4 --out mine.yml                writes mine.yml, whose experiment is called mine
  %(prog)s --net RCAN --method bspa --scale 3               writes options/train_RCAN_bspa_x3.yml
  %(prog)s --net RCAN --method baseline --scale 3 --out -   prints its twin, plain training of the same length
  %(prog)s --net RCAN --test --scale 3                      writes options/test_RCAN_x3.yml
  %(prog)s --net FSRCNN --method fpl --test --scale 3       writes options/test_FSRCNN_fpl_x3.yml
  %(prog)s --net BSR --method bsr --scale 3                 writes options/train_BSR_x3.yml, the whole of that paper
  %(prog)s --net FSRCNN --method bspa --scale 4 --hr photos --iters 3000 --out my.yml
                                                            makes the images in photos/ ready and writes my.yml
  %(prog)s --net FSRCNN --methods baseline bspa rfs --scale 4 --hr photos --iters 3000 --out my_grid.yml
                                                            and `basicsr compare my_grid.yml` says which one helps
  %(prog)s --sweep bspa-beta --out beta.yml                 writes the grid of Table 2 of the BSPA paper
  %(prog)s --all                                            writes every shipped file
  %(prog)s --check                                          names shipped files that are missing or differ
"""
INTERRUPTED = 'interrupted: no file is left half-written; the same command continues from here'

EXIT_DIFFERS = 1
_WITH_REAL = ', '.join(name for name, row in METHODS.items() if row.has_real)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('names', nargs='*', metavar='NAME', help='name of an option file, such as train_RCAN_bspa_x4')
    parser.add_argument('--list', action='store_true', help='show the shipped files, and networks, methods and scales')
    parser.add_argument('--net', metavar='NET', help=', '.join(NETWORKS))
    parser.add_argument('--method', metavar='METHOD', help=', '.join(METHODS))
    parser.add_argument(
        '--test',
        nargs='*',
        action='append',
        metavar='WORD',
        help="a test file; without --method that of bspa and baseline, or of the network's own method and its twin. "
        'For a grid: --test NAME GT [LQ], images to test on, once for each set',
    )
    parser.add_argument(
        '--scale', type=int, metavar='S', help=f'{", ".join(map(str, SCALES))}; 1: RealSR, by {_WITH_REAL}'
    )
    parser.add_argument('--out', metavar='PATH', help='a file, or a folder ending in / (default: options/); - prints')
    own = parser.add_argument_group('images of your own')
    own.add_argument(
        '--hr',
        metavar='DIR',
        help='train on the HR images in this folder: windows of them, their LR images, difficulty where the method '
        'needs it, and images for validation are made in datasets/ of the working directory',
    )
    own.add_argument('--lr', metavar='DIR', help='their LR images (default: made by bicubic)')
    own.add_argument('--degradation', choices=DEGRADATIONS, help='how LR images are made (default: bicubic)')
    own.add_argument('--val', metavar='DIR', help='HR images for validation (default: one in ten of --hr is held out)')
    own.add_argument('--iters', type=int, metavar='N', help='length of the training (default: as published)')
    grids = parser.add_argument_group('grids for `basicsr compare`, on your images or on DIV2K')
    grids.add_argument('--methods', nargs='+', metavar='METHOD', help='methods to compare; twins come along')
    grids.add_argument('--sweep', metavar='SWEEP', help=f'an ablation of the papers: {", ".join(SWEEPS)}')
    grids.add_argument('--seeds', nargs='+', type=int, metavar='N', help='seeds of each method (default: 0 1 2)')
    parser.add_argument(
        '--force',
        action='store_true',
        help='replace existing files that differ; what a link leads to is replaced, not the link',
    )
    parser.add_argument('--all', action='store_true', help='every shipped file')
    parser.add_argument('--check', action='store_true', help='write nothing; exit code 1 where a file differs')


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Write, print, list or compare; 1 where ``--check`` finds a difference.

    Raises:
        OptionError: Nothing or too much is asked for, a name is not in the tables, a file is in the way or cannot be
            written.
    """
    test_sets = written_grids.split_tests(args)
    if args.methods is not None or args.sweep is not None:
        return written_grids.write(args, test_sets)
    refuse_unused(args, 'without --methods or --sweep', '--seeds')
    if test_sets:
        raise OptionError(
            '--test with words names images to test on, for a grid',
            expected='--test alone, or --methods or --sweep',
            found=' '.join(test_sets[0]),
        )
    if args.list:
        refuse_unused(args, 'with --list', '--out', '--force', '--check')
    if args.check:
        refuse_unused(args, 'with --check', '--force')
    if args.out == '-':
        refuse_unused(args, 'with --out -', '--force', '--check')
    if args.hr is not None:
        return _write_for_own_images(args)
    given = [name for name in ('lr', 'val', 'degradation', 'iters') if getattr(args, name) is not None]
    if given:
        names = ', '.join(f'--{name}' for name in given)
        raise OptionError(f'{names}: only for images of your own, or a grid', remedy=f'add --hr DIR, or omit {names}')
    if args.list:
        _wanted(args)
        print(_listing())
        return 0
    makers = _wanted(args)
    if args.out == '-':
        sys.stdout.write('\n'.join(make(Setting()) for make in makers.values()))
        return 0
    with names_the_file(args.out):
        placed = dict(_placed(path, make, args.out, len(makers)) for path, make in makers.items())
        differing = [path for path, text in placed.items() if not holds(path, text)]
        # A link that leads nowhere is in the way, too.
        in_the_way = [path for path in differing if os.path.lexists(path)]
    if args.check:
        for path in differing:
            print(f'{path} {"differs" if path in in_the_way else "is missing"}', file=sys.stderr)
        return EXIT_DIFFERS if differing else 0
    if in_the_way and not args.force:
        raise in_the_way_error(in_the_way)
    for path, text in placed.items():
        print(written(path, text))
    return 0


def _write_for_own_images(args: argparse.Namespace) -> int:
    """Make the images ready, write the option file, and say how to train by it."""
    from bsr_plugins.cli import own_images

    if args.names or args.all or args.list or args.check or args.test or args.out in (None, '-'):
        raise OptionError(
            'Images of your own go with one training file',
            expected='--net, --method, --scale, --hr DIR and --out FILE.yml',
            found=f'--hr {args.hr} and, beside it, {" ".join(args.names)}' if args.names else None,
            remedy='omit names, --test, --all, --list and --check, and name the file by --out; put the images of '
            'several folders, or links to them, into one',
        )
    (file_name, _), *_rest = _wanted(args).items()
    path = named_place(file_name, args.out)
    recipe = Recipe(args.net, args.method, args.scale)
    with names_the_file(path):
        setting = Setting(path.as_posix(), args.out, name_for(path), None, args.iters, own_images.arguments(args))
    # Before anything is made; what was written by the same command is compared when all is known.
    made_by = render(replace(recipe, setting=replace(setting, iterations=None))).partition('\n')[0]
    refuse_others(path, made_by, args.force)
    data = own_images.make(args, args.scale, [args.method])
    print(written_or_kept(path, render(replace(recipe, setting=replace(setting, data=data))), args.force))
    if recipe.first is not None:
        _say_first_step(recipe.first, path.parent / recipe.first.file_name, own_images.arguments(args))
    print(command('train', '-opt', args.out))
    return 0


def _say_first_step(first: Recipe, path: Path, own: Tuple[str, ...]) -> None:
    """Print the commands that train what the file begins with, before its own."""
    words = ('--net', first.net, '--method', first.method, '--scale', first.scale, *own)
    print(command('option', *words, '--out', path.as_posix()))
    print(command('train', '-opt', path.as_posix()))


def _wanted(args: argparse.Namespace) -> Dict[str, Maker]:
    """Return the paths of the files asked for, below ``options/``, and what makes their texts."""
    by_flags = args.test or not (args.net is None and args.method is None and args.scale is None)
    ways = [bool(args.names), by_flags, args.all, args.list]
    if sum(ways) > 1:
        expected = 'names, or --net and the like, or --all, or --list'
        raise OptionError('The option files are named in two ways', expected=expected)
    if args.all or args.list or (args.check and not any(ways)):
        return shipped_makers()
    if args.names:
        return dict(named_maker(name) for name in args.names)
    if args.net is None or args.scale is None or not (args.method or args.test):
        raise OptionError(
            '--net, --scale and one of --method and --test are needed, or a name, or --all',
            remedy='--list shows what there is',
        )
    recipe = Recipe(args.net, args.method, args.scale, args.test)
    return {recipe.file_name: maker_of(recipe)}


def _placed(name: str, make: Maker, out: Optional[str], count: int) -> Tuple[Path, str]:
    """Return where a file goes, and its text there."""
    path = place(name, out, count)
    if out is None or Path(out) == Path(FOLDER):
        return path, make(Setting())
    if path.name == Path(name).name and path != Path(out):
        return path, make(Setting(path.as_posix(), out))
    return path, make(Setting(path.as_posix(), out, name_for(path)))


def _listing() -> str:
    return '\n'.join(
        [
            'shipped files:',
            *(f'  {name[: -len(".yml")]}' for name in sorted(shipped_files())),
            'networks (--net):',
            *(f'  {name:<14} {network.about}' for name, network in NETWORKS.items()),
            'methods (--method):',
            *(f'  {name:<14} {method.about}' for name, method in METHODS.items()),
            'ablations of the papers (--sweep):',
            *(f'  {name:<16} {sweep.about}' for name, sweep in SWEEPS.items()),
            f'scales (--scale): {", ".join(map(str, SCALES))}; 1 (RealSR) by {_WITH_REAL}',
        ]
    )
