"""What a grid comes to: each method as a whole option file, its twin, and the runs with their seeds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.comparison.fitting import fitted
from bsr_plugins.comparison.grid_file import Grid, GridMethod
from bsr_plugins.comparison.key_paths import differing, with_keys
from bsr_plugins.options.option_file import KeyPath
from bsr_plugins.options.templates.method_keys import method_keys
from bsr_plugins.options.templates.setting import OwnData

FIRST = '{first}'
_CLASSES = ('dataroot_gt', 'dataroot_lq')
# What methods are put into.
_SECTIONS = (('train',), ('datasets', 'train'), ('network_g',))


@dataclass(frozen=True)
class Variant:
    """A method put onto the base.

    Attributes:
        name: The method.
        options: The whole option file, at the grid's length.
        sources: (place in the grid, its keys) of what was put in.
        twin: The method it is compared with; None for a twin itself.
        needs_classes: Whether sub-images and their difficulty are still to be made.
        first: The method whose run with the same seed has to end first.
        as_published: The twin's share of updates at which the paper compares; None where that is 1.
        is_shown: Whether it is a method of the comparison, not only the first step of one.
    """

    name: str
    options: Dict[str, Any]
    sources: List[Tuple[KeyPath, Mapping[str, Any]]]
    twin: Optional[str]
    needs_classes: bool = False
    first: Optional[str] = None
    as_published: Optional[float] = None
    is_shown: bool = True


@dataclass(frozen=True)
class PlannedRun:
    """One training.

    Attributes:
        name: Name of its experiment.
        method: The method.
        seed: Its ``manual_seed``.
        updates: Optimizer updates.
        options: Its option file.
        first: Name of the run that has to end before it begins.
        published_for: The methods whose papers compare with it at this length; empty where it is as long as all.
        is_shown: Whether it is shown in the report, not only the first step of another.
    """

    name: str
    method: str
    seed: int
    updates: int
    options: Dict[str, Any]
    first: Optional[str] = None
    published_for: Tuple[str, ...] = ()
    is_shown: bool = True


@dataclass(frozen=True)
class Plan:
    """All runs of a grid.

    Attributes:
        methods: The methods, in the order in which they are shown.
        twins: Method -> the method it is compared with.
        runs: The runs: all methods of the first seed, then those of the next.
        differing: Method -> the keys in which it differs from its twin.
    """

    methods: Tuple[str, ...]
    twins: Mapping[str, str]
    runs: Tuple[PlannedRun, ...]
    differing: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def base_at_length(grid: Grid, base: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the base with the grid's overrides, at the grid's length: overrides are taken as they stand.

    Raises:
        OptionError: The length is given twice, or is none.
    """
    for key, value in grid.override.items():
        try:
            with_keys(base, {key: value})
        except OptionError as error:
            error.where = grid.file.where('override', key)
            raise
    overridden = with_keys(base, grid.override)
    _refuse_shapeless(overridden, grid, ('override',), grid.override)
    total = overridden['train'].get('total_iter')
    if not isinstance(total, int) or isinstance(total, bool) or total < 1:
        raise OptionError(
            'The base has no length', where=grid.file.where('base'), expected='train.total_iter', found=repr(total)
        )
    if grid.iters is None:
        return overridden
    if 'train:total_iter' in grid.override and total != grid.iters * batches_an_update(overridden):
        raise OptionError(
            'The length of the runs is given twice',
            where=grid.file.where('override', 'train:total_iter'),
            found=f'iters: {grid.iters}, and {total} here',
            remedy='remove one of them',
        )
    return with_keys(fitted(base, grid.iters * batches_an_update(overridden)), grid.override)


def variants(
    grid: Grid, base: Mapping[str, Any], iters: Optional[int] = None, data: Optional[OwnData] = None
) -> Tuple[List[Variant], List[Finding]]:
    """Return the methods of a grid as whole option files, twins and first steps included, and what is wrong with them.

    Args:
        grid: The grid.
        base: The base at the grid's length.
        iters: Updates of each run where they are not the grid's; schedules are fitted, those of methods too.
        data: Scored sub-images; None: not made yet.
    """
    findings: List[Finding] = []
    updates = iters or base['train']['total_iter'] // batches_an_update(base)
    made: Dict[str, Variant] = {}
    waiting = [(method, True) for method in grid.methods]
    while waiting:
        method, is_shown = waiting.pop(0)
        if method.name in made:
            continue
        try:
            variant = _variant(grid, method, base, updates, data, is_shown)
        except OptionError as error:
            findings.append(
                Finding(
                    ERROR,
                    error.problem,
                    _place_of(error, grid, method),
                    *(None if each is None else str(each) for each in (error.expected, error.found, error.remedy)),
                )
            )
            continue
        made[method.name] = variant
        if method.keys is None:
            listed = {each.name for each in grid.methods}
            if variant.twin is not None and variant.twin not in listed:
                waiting.append((GridMethod(variant.twin, None, method.place), True))
            if variant.first is not None and variant.first not in listed:
                waiting.append((GridMethod(variant.first, None, method.place), False))
    methods = _each_once(list(made.values()), {each.name for each in grid.methods})
    return _in_order(methods), [*findings, *_equal(grid, methods)]


def planned(grid: Grid, prefix: str, methods: List[Variant], experiments: Path, gpus: bool = False) -> Plan:
    """Return the runs of the methods with each seed.

    Args:
        grid: The grid.
        prefix: What names of runs begin with.
        methods: The methods.
        experiments: The folder of the experiments.
        gpus: Whether each run has one GPU for itself.
    """
    by_name = {variant.name: variant for variant in methods}
    runs: List[PlannedRun] = []
    for seed in grid.seeds:
        names = {variant.name: f'{prefix}_{variant.name}_s{seed}' for variant in methods}
        for variant in methods:
            first = names.get(variant.first or '')
            options = _of_run(variant.options, names[variant.name], seed, gpus)
            if first is not None:
                options = _with_first(options, str(experiments / first))
            updates = options['train']['total_iter'] // batches_an_update(options)
            runs.append(
                PlannedRun(names[variant.name], variant.name, seed, updates, options, first, (), variant.is_shown)
            )
        if grid.as_published:
            runs += _published(methods, by_name, names, seed, gpus)
    shown = [variant for variant in methods if variant.is_shown]
    twins = {variant.name: variant.twin for variant in shown if variant.twin in by_name}
    return Plan(
        tuple(variant.name for variant in shown),
        {name: twin for name, twin in twins.items() if twin is not None},
        tuple(runs),
        {name: differing(by_name[twin].options, by_name[name].options) for name, twin in twins.items() if twin},
    )


def batches_an_update(options: Mapping[str, Any]) -> int:
    """Return how many batches one optimizer update has (``train.accumulate``)."""
    value = (options.get('train') or {}).get('accumulate')
    return value if isinstance(value, int) and value > 0 else 1


def lacks_classes(options: Mapping[str, Any]) -> bool:
    """Return whether there is a set of classed sub-images that are not named."""
    return bool(_unnamed_sets(options))


def classed_sets(options: Mapping[str, Any]) -> Dict[str, Mapping[str, Any]]:
    """Return the sets of classed sub-images, BSPA's inverse half or the whole training set: place -> options."""
    train = (options.get('datasets') or {}).get('train') or {}
    sets = {'datasets:train': train, 'datasets:train:inverse': train.get('inverse')}
    if train.get('type') != 'InverseSampledLMDBDataset':
        del sets['datasets:train']
    return {place: each for place, each in sets.items() if isinstance(each, dict)}


def _unnamed_sets(options: Mapping[str, Any]) -> Dict[str, Mapping[str, Any]]:
    return {place: each for place, each in classed_sets(options).items() if any(not each.get(key) for key in _CLASSES)}


def _variant(
    grid: Grid, method: GridMethod, base: Mapping[str, Any], updates: int, data: Optional[OwnData], is_shown: bool
) -> Variant:
    override = [(('override',), grid.override)]
    twin = None if method.name == grid.twin else grid.twin
    if method.keys is not None:
        options = with_keys(base, method.keys)
        place = method.place if method.place[-1] == method.name else (*method.place, method.name)
        _refuse_shapeless(options, grid, place, method.keys)
        options = _with_classes(fitted(options, updates * batches_an_update(options)), data)
        sources = [*override, (place, method.keys)]
        return Variant(method.name, options, sources, twin, lacks_classes(options), is_shown=is_shown)
    at_length = fitted(base, updates * batches_an_update(base))
    given = method_keys(method.name, at_length, at_length['train']['total_iter'], data)
    options = _with_classes(with_keys(at_length, given.keys), data)
    return Variant(
        method.name,
        options,
        [*override, (method.place, given.keys)],
        twin or (given.twin if grid.twin is None else None),
        lacks_classes(options),
        given.first,
        given.as_published,
        is_shown,
    )


def _refuse_shapeless(options: Mapping[str, Any], grid: Grid, place: KeyPath, keys: Mapping[str, Any]) -> None:
    """Raise where a section that methods are put into is none; ``keys``, which stand at ``place``, were put in last.

    Raises:
        OptionError: It is none.
    """
    for section in _SECTIONS:
        value: Any = options
        for end, name in enumerate(section, 1):
            value = value.get(name)
            if not isinstance(value, dict):
                by_grid = [key for key in keys if key == ':'.join(section[:end])]
                raise OptionError(
                    f"The section '{'.'.join(section[:end])}' is missing",
                    where=grid.file.where(*place, *by_grid) if by_grid else grid.base,
                    expected=f'{name}: keys and values, as in every option file for training',
                    found=None if value is None else value,
                )


def _with_classes(options: Dict[str, Any], data: Optional[OwnData]) -> Dict[str, Any]:
    if data is None:
        return options
    keys: Dict[str, Any] = {}
    for prefix, each in _unnamed_sets(options).items():
        keys[f'{prefix}:dataroot_gt'] = f'{data.classes}/HR_sub.lmdb'
        keys[f'{prefix}:dataroot_lq'] = f'{data.classes}/LR_sub_x{options["scale"]}.lmdb'
        if 'num_classes' not in each and data.num_classes is not None:
            keys[f'{prefix}:num_classes'] = data.num_classes
    return with_keys(options, keys)


def _each_once(methods: List[Variant], listed: Set[str]) -> List[Variant]:
    """Leave out twins and first steps that came along where the grid has the same training under another name."""
    same = {
        variant.name: each.name
        for variant in methods
        for each in methods
        if variant.name not in listed and each.name in listed and each.options == variant.options
    }
    return [
        replace(
            variant,
            twin=None if variant.twin is None else same.get(variant.twin, variant.twin),
            first=None if variant.first is None else same.get(variant.first, variant.first),
        )
        for variant in methods
        if variant.name not in same
    ]


def _in_order(methods: List[Variant]) -> List[Variant]:
    """Put twins and first steps that came along before the methods that need them."""
    by_name = {variant.name: variant for variant in methods}
    result: Dict[str, Variant] = {}
    for variant in methods:
        for name in (variant.twin, variant.first):
            if name in by_name:
                result.setdefault(name, by_name[name])
        result.setdefault(variant.name, variant)
    return list(result.values())


def _place_of(error: OptionError, grid: Grid, method: GridMethod) -> str:
    where = str(error.where or '')
    return where if where.startswith(grid.file.path) else grid.file.where(*method.place)


def _equal(grid: Grid, methods: List[Variant]) -> List[Finding]:
    findings = []
    places = {method.name: method.place for method in grid.methods}
    for index, variant in enumerate(methods):
        same = next((each.name for each in methods[:index] if each.options == variant.options), None)
        if same is not None and variant.name in places:
            findings.append(
                Finding(
                    ERROR,
                    f"The methods '{same}' and '{variant.name}' are the same",
                    grid.file.where(*places[variant.name]),
                    expected='a key that differs',
                    remedy='remove one of them: runs of one method differ by their seeds',
                )
            )
    return findings


def _of_run(options: Mapping[str, Any], name: str, seed: int, gpus: bool) -> Dict[str, Any]:
    """Return the options of one run: it saves ten times or more, and logs twenty times or more."""
    total = options['train']['total_iter']
    logger = options.get('logger') or {}
    keys: Dict[str, Any] = {
        'name': name,
        'manual_seed': seed,
        'logger:save_checkpoint_freq': _at_most(logger.get('save_checkpoint_freq'), total // 10),
        'logger:print_freq': _at_most(logger.get('print_freq'), total // 20),
    }
    if gpus:
        keys['num_gpu'] = 1
    result = with_keys(options, keys)
    if isinstance(result.get('path'), dict):
        result['path']['resume_state'] = None
    return result


def _at_most(value: Any, most: int) -> int:
    return max(1, min(int(value), most) if isinstance(value, (int, float)) else most)


def _with_first(value: Any, experiment: str) -> Any:
    if isinstance(value, dict):
        return {key: _with_first(each, experiment) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_first(each, experiment) for each in value]
    return value.replace(FIRST, experiment) if isinstance(value, str) else value


def _published(
    methods: List[Variant], by_name: Mapping[str, Variant], names: Mapping[str, str], seed: int, gpus: bool
) -> List[PlannedRun]:
    """Return the twins' shorter runs, each once however many methods are compared with it."""
    wanted: Dict[Tuple[str, int], List[str]] = {}
    for variant in methods:
        if variant.as_published is not None and variant.twin in by_name and variant.is_shown:
            twin = by_name[variant.twin].options  # type: ignore[index]
            updates = twin['train']['total_iter'] // batches_an_update(twin)
            wanted.setdefault((str(variant.twin), max(1, round(updates * variant.as_published))), []).append(
                variant.name
            )
    runs = []
    for (twin_name, updates), published_for in wanted.items():
        twin = by_name[twin_name].options
        name = f'{names[twin_name]}_{updates}'
        options = _of_run(fitted(twin, updates * batches_an_update(twin)), name, seed, gpus)
        runs.append(PlannedRun(name, twin_name, seed, updates, options, None, tuple(published_for)))
    return runs
