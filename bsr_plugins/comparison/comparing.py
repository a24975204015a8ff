"""A whole comparison: data made once, runs trained and tested, and all of it handed to the report."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, TextIO, Tuple

from bsr_plugins.analysis.compared_runs import ComparedRuns, FailedRun, TestedRun, TestSet
from bsr_plugins.comparison.checking import Checked
from bsr_plugins.comparison.class_data import held_by_one, make_classes
from bsr_plugins.comparison.commands import home_of
from bsr_plugins.comparison.plan import Plan, PlannedRun, Variant, base_at_length, classed_sets, planned, variants
from bsr_plugins.comparison.progress import Progress, write_line
from bsr_plugins.comparison.run_files import RunFiles, check_unchanged, files_of
from bsr_plugins.comparison.runner import Runner, image_folders, is_tested
from bsr_plugins.comparison.test_sets import make_test_set
from bsr_plugins.data.difficulty.difficulty_file import difficulty_path


class Settings(NamedTuple):
    """How a comparison is run.

    Attributes:
        out: Its folder.
        root: The working directory.
        gpus: One run on each of these at a time; empty: none is chosen.
        jobs: Runs at a time, without ``gpus``.
        shard: (i, n): the i-th of n parts of the runs, from 1; (1, 1): all.
        force: Train anew what was made by other options.
        command: What the user has typed, for the report.
    """

    out: Path
    root: Path
    gpus: Tuple[int, ...] = ()
    jobs: int = 1
    shard: Tuple[int, int] = (1, 1)
    force: bool = False
    command: str = ''


class Done(NamedTuple):
    """What came of it.

    Attributes:
        compared: What the report is made from; None while other processes are still at their runs, or where no run
            ended.
        failed: Run -> why it failed.
        waiting: Runs that are other processes' and have not ended.
    """

    compared: Optional[ComparedRuns]
    failed: Dict[str, str]
    waiting: List[str]


def plan_of(checked: Checked, settings: Settings, methods: Optional[Sequence[Variant]] = None) -> Plan:
    """Return the runs of a grid that was found right."""
    home = home_of(settings.out, settings.root)
    prefix = settings.out.name if home != settings.out else checked.grid.name
    return planned(checked.grid, prefix, list(methods or checked.methods), home / 'experiments', bool(settings.gpus))


def compare(checked: Checked, settings: Settings, stream: TextIO) -> Done:
    """Make the data, train and test what is left of the grid, and collect what the report needs.

    Args:
        checked: The grid, found right.
        settings: How it is run.
        stream: Where progress is shown.

    Raises:
        OptionError: The folder holds runs that were made by other options.
        DataError: The data cannot be made.
    """
    out, root = settings.out.absolute(), settings.root
    settings = settings._replace(out=out)
    home = home_of(out, root)
    started = time.monotonic()
    methods = _with_data(checked, settings, stream)
    plan = plan_of(checked, settings, methods)
    every = {run.name: files_of(run, out, home, root) for run in plan.runs}
    if settings.force:
        for files in every.values():
            if files.changes():
                files.forget()
    check_unchanged(list(every.values()), out)
    seconds = {'data': time.monotonic() - started}
    test_sets = [each.test_set for each in checked.test_sets]
    mine = [every[run.name] for run in _shard(plan.runs, *settings.shard)]
    left = [files for files in mine if not is_tested(files, test_sets)]
    progress = Progress(
        {files.run.name: files.run.updates for files in mine},
        {files.run.name: files.run.updates for files in mine if files not in left},
        stream,
    )
    if len(left) < len(mine):
        progress.say(f'{len(mine) - len(left)} of {len(mine)} runs are done already')
    try:
        Runner(left, every, test_sets, progress, settings.gpus, settings.jobs).run()
    finally:
        progress.close()
    failed = {name: files.failed_because or '' for name, files in every.items() if files.failed_because is not None}
    ended = {name: is_tested(files, test_sets) for name, files in every.items()}
    waiting = [name for name, is_ended in ended.items() if not is_ended and name not in failed]
    compared = None
    if not waiting and any(ended[run.name] and not run.published_for and run.is_shown for run in plan.runs):
        compared = _gathered(checked, plan, every, ended, failed, test_sets, seconds, settings)
    return Done(compared, failed, waiting)


def _with_data(checked: Checked, settings: Settings, stream: TextIO) -> Sequence[Variant]:
    """Make test images and sub-images once for all, and return the methods with their paths."""
    needs = any(method.needs_classes for method in checked.methods)
    to_make = [each for each in checked.test_sets if each.made_from is not None]
    if not needs and not to_make:
        return checked.methods
    if checked.base_file is None:
        return checked.methods
    data = settings.out / 'data'
    base = base_at_length(checked.grid, checked.base_file.options)
    held = held_by_one(settings.out / 'locks' / 'data.lock', functools.partial(write_line, stream))
    try:
        for each in to_make:
            make_test_set(each, base['scale'])
        if not needs:
            return checked.methods
        own = make_classes(base, data, settings.root, progress=stream.isatty())
    finally:
        if held is not None:
            held.release()
    made, _ = variants(checked.grid, base, checked.iters, own)
    return made


def _shard(runs: Sequence[PlannedRun], index: int, count: int) -> List[PlannedRun]:
    """Return the part ``index`` (from 1) of ``count``; a run goes with the first step that it needs."""
    part: Dict[str, int] = {}
    number = 0
    for run in runs:
        if run.first is None:
            part[run.name] = number % count
            number += 1
    for run in runs:
        if run.first is not None:
            part[run.name] = part.get(run.first, 0)
    return [run for run in runs if part[run.name] == index - 1]


def _gathered(
    checked: Checked,
    plan: Plan,
    every: Mapping[str, RunFiles],
    ended: Mapping[str, bool],
    failed: Mapping[str, str],
    test_sets: Sequence[TestSet],
    seconds: Mapping[str, float],
    settings: Settings,
) -> ComparedRuns:
    tested = {name: _tested(files, test_sets) for name, files in every.items() if ended[name] and files.run.is_shown}
    equal = [run for run in plan.runs if not run.published_for and run.is_shown]
    methods = [name for name in plan.methods if any(ended[run.name] for run in equal if run.method == name)]
    published: Dict[str, List[TestedRun]] = {}
    for run in plan.runs:
        for method in run.published_for:
            if run.name in tested and method in methods:
                published.setdefault(method, []).append(tested[run.name])
    options = next(iter(every.values())).options
    return ComparedRuns(
        name=checked.grid.name,
        scale=options['scale'],
        methods=tuple(methods),
        twins={name: twin for name, twin in plan.twins.items() if name in methods and twin in methods},
        runs=tuple(tested[run.name] for run in equal if run.name in tested),
        test_sets=tuple(test_sets),
        failed=tuple(
            FailedRun(every[name].run.method, every[name].run.seed, reason) for name, reason in failed.items()
        ),
        hr_lmdb=_hr_lmdb(every),
        as_published={name: tuple(runs) for name, runs in published.items()},
        seconds={
            **seconds,
            **{name: files.seconds for name, files in every.items() if files.seconds is not None},
        },
        commands=(settings.command,) if settings.command else (),
        differing={name: keys for name, keys in plan.differing.items() if name in methods},
    )


def _tested(files: RunFiles, test_sets: Sequence[TestSet]) -> TestedRun:
    return TestedRun(
        method=files.run.method,
        seed=files.run.seed,
        experiment=files.experiment,
        options=files.options,
        weights=files.weights,
        images=image_folders(files, test_sets),
    )


def _hr_lmdb(every: Mapping[str, RunFiles]) -> Optional[Path]:
    """Return the scored sub-images that the runs train on; None where none does."""
    for files in every.values():
        for each in classed_sets(files.options).values():
            root = each.get('dataroot_gt')
            if root and difficulty_path(root, files.options['scale']).is_file():
                return Path(root)
    return None
