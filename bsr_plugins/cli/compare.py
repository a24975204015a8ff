"""``basicsr compare GRID.yml``: trains and tests the methods of a grid, and judges what is real and what is noise."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, List, Optional, Sequence, Tuple

from bsr_plugins.cli.messages import print_findings, say, say_error
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.findings import errors_in
from bsr_plugins.common.shown import counted

if TYPE_CHECKING:
    from bsr_plugins.comparison.checking import Checked
    from bsr_plugins.comparison.comparing import Settings
    from bsr_plugins.comparison.plan import Plan

HELP = 'train, test and judge methods on the same data with several seeds: one report of them all'
DESCRIPTION = """\
Train every method of a grid with every seed, on the same data and with as many updates, test them, and write a report
that says what is better, what is worse and what cannot be told apart. Interrupted at any moment, the same command
continues: finished runs are kept, the running one resumes exactly.
"""
EXAMPLES = """\
a grid, my_grid.yml:
  name: my_grid
  base: options/my.yml                 an option file for training, as `basicsr train` takes it
  methods: [baseline, bspa, fpl]       or names with the keys that differ, the first one the twin:
                                       {twin: {}, soft: {train:pixel_opt:loss_weight: 0.5}}
  seeds: [0, 1, 2]
  iters: 3000                          optional; the base's schedule is fitted to it
  override: {val:val_freq: 500}        optional; keys for all runs
  test: {Set5: {gt: DIR, lq: DIR}}     optional; else the base's validation sets

examples:
  %(prog)s my_grid.yml --plan                     shows the runs, and trains nothing
  %(prog)s my_grid.yml                            one run after the other
  %(prog)s my_grid.yml --jobs 2                   two at a time on the CPU
  %(prog)s my_grid.yml --gpus 0,1                 one on each GPU
  %(prog)s my_grid.yml --shard 2/4                the second quarter of the runs: one of four machines, one folder
"""
INTERRUPTED = 'interrupted; the same command continues'
EXIT_FAILED, EXIT_WRONG_GRID = 1, 2
_SHARD = re.compile(r'(\d+)/(\d+)')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('grid', metavar='GRID.yml', help='the grid')
    parser.add_argument('--seeds', nargs='+', type=int, metavar='S', help="seeds instead of the grid's")
    parser.add_argument('--iters', type=int, metavar='N', help="updates of each run instead of the grid's")
    parser.add_argument('--jobs', type=int, metavar='N', help='runs at a time on this machine (default: 1)')
    parser.add_argument('--gpus', metavar='0,1', help='the GPUs: one run on each at a time')
    parser.add_argument('--out', metavar='DIR', help='folder of everything (default: comparisons/<name of the grid>)')
    parser.add_argument('--shard', metavar='I/N', help='do part I of N of the runs, from 1; all parts share --out')
    parser.add_argument('--plan', action='store_true', help='show what would be run')
    parser.add_argument('--force', action='store_true', help='train anew what was made by other options')


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Compare; return 0, 1 (a run failed), 2 (the grid is wrong), or 128 + the signal that stopped it.

    Raises:
        OptionError: The arguments contradict each other, or runs in the folder were made by other options.
    """
    from bsr_plugins.comparison.checking import check_grid
    from bsr_plugins.options.option_file import read_option_file

    jobs, gpus, shard = _places(args)
    root = Path.cwd()
    file = read_option_file(args.grid)
    name = file.get('name') if isinstance(file.get('name'), str) else Path(args.grid).stem
    out = Path(args.out) if args.out else Path('comparisons') / str(name)
    if out.exists() and not out.is_dir():
        raise OptionError('--out is a file', where=str(out), expected='a folder, which need not be there')
    checked = check_grid(file, root, out.absolute() / 'data', args.seeds, args.iters)
    print_findings(checked.findings)
    if errors_in(checked.findings):
        say_error('basicsr compare: nothing was run')
        return EXIT_WRONG_GRID
    from bsr_plugins.comparison.comparing import Settings, plan_of

    words = command('compare', *argv)
    settings = Settings(out.absolute(), root, gpus, jobs, shard, args.force, words)
    if args.plan:
        _show(plan_of(checked, settings), [each.test_set.name for each in checked.test_sets])
        return 0
    return _compare(checked, settings)


def _compare(checked: Checked, settings: Settings) -> int:
    from bsr_plugins.comparison.comparing import compare
    from bsr_plugins.runs import stop_signals

    try:
        with stop_signals.handling_stop_signals():
            done = compare(checked, settings, sys.stderr)
    except stop_signals.Stopped as stop:
        say_error(f'basicsr: {INTERRUPTED}')
        return stop.exit_code
    for name, reason in done.failed.items():
        say_error(f'\n{name} failed: {reason}')
    if done.waiting:
        say(f'{counted(len(done.waiting), "run is", "runs are")} left to other shards: {", ".join(done.waiting[:5])}')
        say('the last shard to end writes the report; so does this command when they have ended')
    elif done.compared is None:
        say_error('basicsr compare: no run has ended, there is nothing to report on')
    else:
        from bsr_plugins.analysis.report import read_results, write_report
        from bsr_plugins.analysis.report_words import summary
        from bsr_plugins.comparison.class_data import held_by_one

        # Shards that end at the same time write it one after the other.
        held = held_by_one(settings.out / 'locks' / 'report.lock', say)
        try:
            say('the report is written: every image of every run is scored, which takes a while')
            page = write_report(done.compared, settings.out)
        finally:
            if held is not None:
                held.release()
        say('', *summary(read_results(settings.out)), '', str(page))
    return EXIT_FAILED if done.failed else 0


def _places(args: argparse.Namespace) -> Tuple[int, Tuple[int, ...], Tuple[int, int]]:
    """Return the number of jobs, the GPUs and the shard.

    Raises:
        OptionError: They are none, or contradict each other.
    """
    if args.jobs is not None and args.gpus is not None:
        raise OptionError('--jobs and --gpus exclude each other', remedy='--gpus runs one at a time on each GPU')
    if args.jobs is not None and args.jobs < 1:
        raise OptionError('--jobs is no number of runs', where='--jobs', expected='at least 1', found=args.jobs)
    return args.jobs or 1, _gpus(args.gpus), _shard(args.shard)


def _gpus(text: Optional[str]) -> Tuple[int, ...]:
    if text is None:
        return ()
    if not re.fullmatch(r'\d+(,\d+)*', text):
        raise OptionError('--gpus names no GPUs', where='--gpus', expected='numbers joined by commas: 0,1', found=text)
    import torch

    from bsr_plugins.comparison.checking import refuse_gpus

    gpus = tuple(map(int, text.split(',')))
    refuse_gpus(gpus, torch.cuda.device_count())
    return gpus


def _shard(text: Optional[str]) -> Tuple[int, int]:
    if text is None:
        return (1, 1)
    found = _SHARD.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise OptionError('--shard names no part', where='--shard', expected='I/N with I from 1 to N: 2/4', found=text)
    return int(found[1]), int(found[2])


def _show(plan: Plan, tested_on: Sequence[str]) -> None:
    for run in plan.runs:
        twin = plan.twins.get(run.method) if run.is_shown else None
        note = f', compared with {twin}' if twin is not None else ''
        if run.published_for:
            note = f', the shorter twin of {" and ".join(run.published_for)} as published'
        after = f', after {run.first}' if run.first else ''
        say(f'{run.name}: {_updates(run.updates)}{note}{after}')
    total = f'{counted(len(plan.runs), "run", "runs")}, {_updates(sum(run.updates for run in plan.runs))}'
    say(f'{total}; tested on {", ".join(tested_on)}')


def _updates(number: int) -> str:
    return counted(number, 'update', 'updates')
