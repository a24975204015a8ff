"""A comparison of experiments that exist: what is wrong with the folders, all at once, then tests, then the report."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from bsr_plugins.analysis.compared_runs import ComparedRuns, FailedRun, TestedRun, TestSet
from bsr_plugins.analysis.measured_runs import test_images
from bsr_plugins.common.errors import BsrPluginsError, DataError
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.common.naming import plain_name
from bsr_plugins.common.shown import Lines
from bsr_plugins.comparison.commands import CommandError
from bsr_plugins.comparison.experiments import Experiment, named_methods, read_experiment, trained_alike
from bsr_plugins.comparison.test_sets import check_test_sets
from bsr_plugins.comparison.testing import test_run
from bsr_plugins.data.images.image_folders import list_images
from bsr_plugins.data.images.image_store import is_keyed
from bsr_plugins.data.images.shared_options import FILENAME_TMPL

_TESTS = 'tests'
_SETS_REMEDY = 'name the folders: --test NAME HR_FOLDER LR_FOLDER'


class PlannedReport(NamedTuple):
    """Experiments by method, which method is the twin, the images, the factor."""

    methods: Dict[str, List[Experiment]]
    twin: str
    test_sets: Tuple[TestSet, ...]
    scale: int


def plan_report(
    runs: Sequence[Path],
    twins: Sequence[Path],
    sets: Sequence[Tuple[str, Path, Path]],
    iteration: Optional[int] = None,
) -> Tuple[Optional[PlannedReport], List[Finding]]:
    """Return what is to be reported on, or None and all that is wrong with it.

    Args:
        runs: Folders ``experiments/<name>``.
        twins: Those of the twin, one for each of its seeds; none: the last of ``runs``, and whichever of the others
            were trained as it was, but for the seed.
        sets: Name, HR folder and LR folder of each test set; none: the validation sets of the twin's option file.
        iteration: See :func:`~bsr_plugins.comparison.experiments.read_experiment`.
    """
    findings: List[Finding] = []
    folders = list(dict.fromkeys([*runs, *twins]))
    given = [folder.resolve() for folder in [*runs, *twins]]
    for folder in [each for number, each in enumerate([*runs, *twins]) if each.resolve() in given[:number]]:
        findings.append(Finding(ERROR, 'The experiment is named twice', str(folder), remedy='name each one once'))
    read = {folder: _noted(findings, functools.partial(read_experiment, folder, iteration)) for folder in folders}
    if findings:
        return None, findings
    scales = {str(folder): experiment.scale for folder, experiment in read.items()}
    if len(set(scales.values())) > 1 or not all(isinstance(scale, int) for scale in scales.values()):
        found = ', '.join(f'{folder}: x{scale}' for folder, scale in scales.items())
        return None, [Finding(ERROR, 'The experiments have no common scale', str(folders[0]), found=found)]
    methods = named_methods(_methods([read[folder] for folder in runs], [read[folder] for folder in twins]))
    twin = next(iter(methods))
    findings += _repeated_seeds(methods)
    if len(methods) < 2:
        findings.append(
            Finding(
                ERROR,
                'All experiments were trained alike but for the seed',
                str(folders[0]),
                remedy='say which of them are the twin: RUN ... --twin TWIN ...',
            )
        )
    scale = next(iter(scales.values()))
    test_sets = _test_sets(sets, methods[twin][0].options, str(methods[twin][0].folder), scale, findings)
    return (None, findings) if findings else (PlannedReport(methods, twin, tuple(test_sets), scale), [])


def test_all(planned: PlannedReport, out: Path, say: Callable[[str], Any]) -> ComparedRuns:
    """Test every experiment that was not tested yet, and return what the report is made from.

    Args:
        planned: Of :func:`plan_report`.
        out: Folder of the report; images are kept in ``tests/`` there.
        say: Takes a line of progress.
    """
    runs: List[TestedRun] = []
    failed: List[FailedRun] = []
    every = [(method, run) for method, group in planned.methods.items() for run in group]
    for number, (method, run) in enumerate(every, 1):
        say(f'{number}/{len(every)}  {run.folder}: {run.weights.name}')
        place = out / _TESTS / f'{number:02d}_{run.folder.name}'
        try:
            images = test_run(run.folder, planned.test_sets, place, options=run.options, weights=run.weights)
        except (CommandError, DataError) as error:
            say(Lines(str(error)))
            failed.append(FailedRun(method, run.seed, str(error)))
            continue
        runs.append(TestedRun(method, run.seed, run.folder, run.options, run.weights, images))
    methods = [method for method in planned.methods if method != planned.twin]
    return ComparedRuns(
        name=f'{", ".join(methods)} and {planned.twin}',
        scale=planned.scale,
        methods=(planned.twin, *methods),
        twins=dict.fromkeys(methods, planned.twin),
        runs=tuple(runs),
        test_sets=planned.test_sets,
        failed=tuple(failed),
    )


test_all.__test__ = False  # type: ignore[attr-defined]  # no test, whatever pytest thinks of its name


def _methods(runs: Sequence[Experiment], twins: Sequence[Experiment]) -> List[List[Experiment]]:
    """Return the experiments by method, the twin's first."""
    if not twins and len(runs) == 2:
        runs, twins = runs[:1], runs[1:]
    if not twins:
        twins = next(group for group in trained_alike(runs) if runs[-1] in group)
        runs = [run for run in runs if run not in twins]
    return [list(twins), *trained_alike(runs)]


def _repeated_seeds(methods: Mapping[str, Sequence[Experiment]]) -> List[Finding]:
    findings = []
    for method, group in methods.items():
        by_seed: Dict[Optional[int], List[str]] = {}
        for run in group:
            by_seed.setdefault(run.seed, []).append(str(run.folder))
        findings += [
            Finding(
                ERROR,
                f'Experiments of {method} have one seed, {seed}' if seed is not None else f'{method} has no seeds',
                folders[1],
                found=', '.join(folders),
                remedy='give one experiment for each seed',
            )
            for seed, folders in by_seed.items()
            if len(folders) > 1
        ]
    return findings


def _test_sets(
    sets: Sequence[Tuple[str, Path, Path]], options: Mapping[str, Any], where: str, scale: int, findings: List[Finding]
) -> List[TestSet]:
    named = [(name, gt, lq, _template(gt, lq, scale)) for name, gt, lq in sets] or _validation_sets(options)
    if not named:
        findings.append(
            Finding(ERROR, 'The twin has no validation set in folders to test on', where, remedy=_SETS_REMEDY)
        )
    names = [name for name, *_ in named]
    if len(set(names)) < len(names):
        findings.append(Finding(ERROR, 'Two test sets have one name', ', '.join(names), remedy='name them apart'))
    test_sets = [TestSet(*each) for each in named]
    for test_set in test_sets:
        before = len(findings)
        for folder in (test_set.gt, test_set.lq):
            _noted(findings, functools.partial(list_images, folder), _SETS_REMEDY)
        if len(findings) == before:
            _noted(findings, functools.partial(test_images, test_set), _SETS_REMEDY)
        if len(findings) == before:
            findings += check_test_sets([test_set], scale, Path.cwd(), lambda each, key: str(getattr(each, key)))
    return test_sets


def _validation_sets(options: Mapping[str, Any]) -> List[Tuple[str, Path, Path, str]]:
    found = []
    for phase, entry in (options.get('datasets') or {}).items():
        if phase.split('_')[0] != 'val' or not isinstance(entry, Mapping):
            continue
        roots = [entry.get(key) for key in ('dataroot_gt', 'dataroot_lq')]
        if plain_name(entry.get('type')) == 'PairedImageDataset' and all(
            isinstance(root, str) and not is_keyed(root) for root in roots
        ):
            gt, lq = (Path(str(root)).expanduser() for root in roots)
            found.append((str(entry.get('name', phase)), gt, lq, entry.get('filename_tmpl') or FILENAME_TMPL.default))
    return found


def _template(gt: Path, lq: Path, scale: int) -> str:
    """Return how LR images are named; ``{}`` where they are named in no known way, which the listing then says."""
    for template in ('{}', f'{{}}x{scale}'):
        try:
            test_images(TestSet('', gt, lq, template))
            return template
        except DataError:
            continue
    return '{}'


def _noted(findings: List[Finding], make: Callable[[], Any], remedy: Optional[str] = None) -> Any:
    """Return what ``make`` makes; where it cannot, its error is a finding."""
    try:
        return make()
    except BsrPluginsError as error:
        texts = [None if text is None else str(text) for text in (error.expected, error.found, error.remedy or remedy)]
        findings.append(Finding(ERROR, error.problem, str(error.where), *texts))
        return None
