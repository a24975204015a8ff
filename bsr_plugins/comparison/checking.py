"""Everything that is wrong with a grid, its base, its methods and its images, all at once and before anything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence

from bsr_plugins.common.errors import BsrPluginsError, OptionError
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.common.naming import wrong_with_run_name
from bsr_plugins.comparison.composed_file import check_composed, composed
from bsr_plugins.comparison.grid_file import Grid, read_grid, wrong_with_seeds
from bsr_plugins.comparison.plan import FIRST, Variant, base_at_length, classed_sets, variants
from bsr_plugins.comparison.test_sets import PlannedSet, planned_sets, says_misfit
from bsr_plugins.options.option_file import OptionFile, read_option_file


class Checked(NamedTuple):
    """A grid that was read, its base at the grid's length, its methods and its test sets, and what is wrong.

    ``base`` is None where there is none; the rest is empty then.
    """

    grid: Grid
    findings: List[Finding]
    base_file: Optional[OptionFile] = None
    methods: Sequence[Variant] = ()
    test_sets: Sequence[PlannedSet] = ()
    iters: Optional[int] = None


def check_grid(
    file: OptionFile, root: Path, data: Path, seeds: Optional[Sequence[int]] = None, iters: Optional[int] = None
) -> Checked:
    """Read and check a grid.

    Args:
        file: The grid file.
        root: The working directory.
        data: The folder of the images that the comparison makes.
        seeds: Seeds instead of the grid's.
        iters: Updates of each run instead of the grid's; schedules are fitted.
    """
    grid, findings = read_grid(file, root)
    findings = [finding for finding in findings if seeds is None or 'seeds' not in finding.where.split()[-1:]]
    if seeds is not None:
        grid = replace(grid, seeds=tuple(seeds))
        findings += [
            Finding(ERROR, problem, '--seeds', found=' '.join(map(str, seeds)))
            for problem in wrong_with_seeds(list(seeds))
        ]
    if iters is not None and iters < 1:
        findings.append(Finding(ERROR, '--iters is no number of updates', '--iters', 'at least 1', str(iters)))
        iters = None
    findings += _wrong_names(grid)
    if grid.base is None:
        return Checked(grid, [*findings, *planned_sets(grid, {}, data, root)[1]])
    try:
        base_file = read_option_file(grid.base)
        base = base_at_length(grid, base_file.options)
        methods, wrong = variants(grid, base, iters)
    except BsrPluginsError as error:
        texts = (None if each is None else str(each) for each in (error.expected, error.found, error.remedy))
        findings += planned_sets(grid, {}, data, root)[1]
        return Checked(grid, [*findings, Finding(ERROR, error.problem, str(error.where or grid.base), *texts)])
    findings += wrong
    sets, wrong = planned_sets(grid, base, data, root)
    findings += wrong
    as_base = composed(base_file, base, file, [(('override',), grid.override)])
    of_base = check_composed(as_base, root)
    if not grid.test:
        of_base = [replace(each, severity=ERROR) if says_misfit(each) else each for each in of_base]
    findings += [finding for finding in of_base if not _is_for_methods(finding)]
    for method in methods:
        findings += _of_method(method, base_file, file, root, of_base)
    return Checked(grid, findings, base_file, methods, sets, iters)


def _is_for_methods(finding: Finding) -> bool:
    """Return whether it says that the base itself does not read the sub-images that it names for methods that do."""
    return finding.severity == WARNING and finding.where.endswith(': datasets.train.inverse')


def _wrong_names(grid: Grid) -> Iterator[Finding]:
    """Yield what is wrong with the names of runs, made of that of the grid, a method's and the seed."""
    places = {grid.name: ('name',), **{method.name: method.place for method in grid.methods}}
    for name, place in places.items():
        if 'debug' in name:
            yield Finding(
                ERROR,
                "The name has 'debug' in it: BasicSR would log, validate and save every few iterations",
                grid.file.where(*place),
                found=name,
                remedy='give it another name',
            )
    for run in (f'{grid.name}_{method.name}_s{max(grid.seeds)}' for method in grid.methods):
        wrong = wrong_with_run_name(run)
        if wrong is not None:
            yield Finding(
                ERROR,
                'The name of a run is none for a folder',
                grid.file.where('name'),
                wrong,
                run,
                'a shorter name of the grid or of the method',
            )
            return


def _of_method(
    method: Variant, base: OptionFile, grid: OptionFile, root: Path, of_base: Sequence[Finding]
) -> List[Finding]:
    """Return what is wrong with a method that is right in the base; what is still to be made is not missing."""
    made = composed(base, method.options, grid, method.sources)
    to_come: List[str] = []
    if method.needs_classes:
        for place in classed_sets(method.options):
            keys = [place] if place.endswith('inverse') else [f'{place}:dataroot_gt', f'{place}:dataroot_lq']
            to_come += [*keys, *(key.replace(':', '.') for key in keys)]
    to_come += [
        key.replace(':', '.')
        for _, keys in method.sources
        for key, value in keys.items()
        if isinstance(value, str) and FIRST in value
    ]
    known = {(finding.problem, finding.where) for finding in of_base}
    findings = []
    for finding in check_composed(made, root):
        is_known = (finding.problem, finding.where) in known
        if not is_known and not any(key in finding.where for key in to_come):
            is_of_grid = finding.where.startswith(grid.path)
            place = finding.where if is_of_grid else f'{finding.where}, with the method {method.name}'
            findings.append(replace(finding, where=place))
    return findings


def refuse_gpus(gpus: Sequence[int], available: int) -> None:
    """Make sure that the GPUs are there.

    Raises:
        OptionError: One is not, or is named twice.
    """
    absent = [gpu for gpu in gpus if not 0 <= gpu < available]
    if absent or len(set(gpus)) < len(gpus):
        raise OptionError(
            f'There is no GPU {absent[0]}' if absent else 'A GPU is named twice',
            where='--gpus',
            expected=f'some of {", ".join(map(str, range(available)))}' if available else 'a machine with a GPU',
            found=','.join(map(str, gpus)),
            remedy=None if available else '--jobs N runs on the CPU',
        )
