"""What ``basicsr option --methods`` and ``--sweep`` write: a grid for ``basicsr compare``, and its base beside it."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from bsr_plugins.cli.placed_files import (
    name_for,
    named_place,
    names_the_file,
    refuse_others,
    written_or_kept,
)
from bsr_plugins.cli.unused_arguments import refuse_unused
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import OptionError
from bsr_plugins.options.templates.grids import (
    SEEDS,
    GridText,
    Methods,
    TestFolders,
    base_method,
    base_text,
    benchmarks,
    grid_text,
    held_out,
    named_twin,
)
from bsr_plugins.options.templates.recipe import Recipe
from bsr_plugins.options.templates.setting import OwnData, Setting, experiment_name, shell_word
from bsr_plugins.options.templates.sweeps import Sweep, sweep_named

_TEST_WORDS = (2, 3)
_CLASSES = 'datasets:train:inverse:num_classes'


@dataclass(frozen=True)
class _Asked:
    """What is compared: ``rows`` are the methods of the table that it needs the data of."""

    about: str
    base: Recipe
    rows: Tuple[str, ...]
    twin: Optional[str]
    sweep: Optional[Sweep] = None

    def methods(self, base: Dict[str, object], data: Optional[OwnData]) -> Methods:
        if self.sweep is None:
            return dict.fromkeys(self.rows)
        methods = self.sweep.keys(base, data)
        for name in self.sweep.methods.keys() - methods.keys():
            keys = ', '.join(self.sweep.methods[name] or ())
            print(f'{name} is left out: {self.base.net} by {self.base.method} has no {keys}')
        return methods


def split_tests(args: argparse.Namespace) -> List[List[str]]:
    """Return the test sets of a grid, each as the words after ``--test``; ``args.test`` is left with ``--test`` alone.

    Raises:
        OptionError: Both are asked for.
    """
    given = args.test or []
    sets = [words for words in given if words]
    args.test = len(sets) < len(given)
    if args.test and sets:
        raise OptionError('--test alone asks for a test file, with words for a test set of a grid')
    return sets


def write(args: argparse.Namespace, test_words: List[List[str]]) -> int:
    """Make the images ready where they are one's own, write the grid and its base, and say how to compare.

    Raises:
        OptionError: Something else is asked for besides, a name is not in the tables, or a file is in the way.
        DataError: The images cannot be used.
    """
    from bsr_plugins.cli import own_images

    why = 'with --methods' if args.sweep is None else 'with --sweep'
    refuse_unused(args, why, '--method', '--list', '--all', '--check', '--test', *(['--methods'] if args.sweep else []))
    if args.names:
        raise OptionError(f'Names of option files would have no effect {why}', found=' '.join(args.names))
    if args.out in (None, '-'):
        raise OptionError('A grid has a base beside it', where='--out', expected='--out FILE.yml', found=args.out)
    if args.hr is None:
        refuse_unused(args, 'without --hr', '--lr', '--val', '--degradation')
    if args.iters is not None and args.iters < 1:
        raise OptionError('--iters must be at least 1', where='--iters', found=args.iters)
    asked, tests = _asked(args), [_test_folders(words) for words in test_words]
    path = named_place('grid.yml', args.out)
    base_path = path.with_name(f'{path.stem}_base{path.suffix}')
    made_by = _command(args, test_words)
    for each in (path, base_path):
        refuse_others(each, f'# Made by {made_by}', args.force)
    with names_the_file(base_path):
        setting = Setting(base_path.as_posix(), args.out, name_for(base_path), iterations=args.iters, made_by=made_by)
    data: Optional[OwnData] = None
    if args.hr is not None:
        data = own_images.make(args, asked.base.scale, [asked.base.method or '', *asked.rows])
        setting = replace(setting, data=data, names_classes=bool(data.classes))
        tests.insert(0, held_out(data))
    else:
        tests = tests or benchmarks(asked.base.scale)
    text, options = base_text(asked.base, setting)
    methods = _possible(asked.methods(options, data), data)
    if not methods:
        raise OptionError('Nothing is left to compare', where='--sweep', found=args.sweep, remedy='take more images')
    grid = GridText(
        about=asked.about,
        name=experiment_name(path.stem),
        base=base_path.name,
        methods=methods,
        tests=tests,
        twin=asked.twin if asked.twin is None or asked.twin in methods else next(iter(methods)),
        seeds=tuple(args.seeds) if args.seeds is not None else SEEDS,
        iters=args.iters,
        made_by=made_by,
        file=shell_word(path.as_posix()),
    )
    print(written_or_kept(base_path, text, args.force))
    print(written_or_kept(path, grid_text(grid), args.force))
    print(command('compare', args.out))
    return 0


def _asked(args: argparse.Namespace) -> _Asked:
    if args.sweep is not None:
        sweep = sweep_named(args.sweep)
        base = Recipe(args.net or sweep.net, sweep.base, args.scale or sweep.scale)
        rows = tuple(name for name, keys in sweep.methods.items() if keys is None)
        return _Asked(sweep.about, base, rows or (sweep.base,), sweep.twin, sweep)
    if args.net is None or args.scale is None:
        raise OptionError('--methods needs --net and --scale', remedy='--list shows what there is')
    for method in args.methods:
        Recipe(args.net, method, args.scale)
    methods = tuple(dict.fromkeys(args.methods))
    row = base_method(methods, args.net)
    where = 'on DIV2K' if args.hr is None else f'on the images of {args.hr!r}'
    about = f'{args.net} x{args.scale} {where}: {", ".join(methods)}'
    return _Asked(about, Recipe(args.net, row, args.scale), methods, named_twin(methods, row, args.net))


def _possible(methods: Methods, data: Optional[OwnData]) -> Methods:
    """Leave out, and say so, what has more classes than there are sub-images for."""
    from bsr_plugins.data.sampling.long_tail import class_counts

    result = dict(methods)
    for name, keys in methods.items():
        number = (keys or {}).get(_CLASSES)
        if data is None or number is None:
            continue
        with contextlib.suppress(OptionError):
            class_counts(data.class_count, number)
            continue
        del result[name]
        print(f'{name} is left out: {data.class_count} sub-images are too few for {number} classes')
    return result


def _test_folders(words: List[str]) -> TestFolders:
    if len(words) not in _TEST_WORDS:
        raise OptionError('This is no test set', where='--test', expected='NAME GT [LQ]', found=' '.join(words))
    for folder in words[1:]:
        if not Path(folder).is_dir():
            raise OptionError('There is no such folder of test images', where='--test', found=folder)
    return TestFolders(*words)


def _command(args: argparse.Namespace, test_words: List[List[str]]) -> str:
    from bsr_plugins.cli import own_images

    words: List[str] = ['basicsr', 'option']
    words += ['--sweep', args.sweep] if args.sweep else []
    words += ['--net', args.net] if args.net else []
    words += ['--methods', *args.methods] if args.methods else []
    words += ['--scale', str(args.scale)] if args.scale else []
    words += own_images.arguments(args)
    words += ['--seeds', *map(str, args.seeds)] if args.seeds is not None else []
    for each in test_words:
        words += ['--test', *each]
    return ' '.join([*map(shell_word, words), '--out', shell_word(args.out)])
