"""Grids for ``basicsr compare`` as text: of methods by name, and of a paper's ablation, on a base option file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from textwrap import indent
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import yaml

from bsr_plugins.common.errors import OptionError
from bsr_plugins.options.templates.methods import METHODS
from bsr_plugins.options.templates.networks import NETWORKS
from bsr_plugins.options.templates.protocols import BENCHMARKS, REAL, REAL_FOLDER
from bsr_plugins.options.templates.recipe import Recipe
from bsr_plugins.options.templates.render import render
from bsr_plugins.options.templates.setting import OwnData, Setting, yaml_text
from bsr_plugins.options.templates.sweeps import SWEEPS, Sweep

#: Seeds of a grid where none are given: with one, nothing is known of the luck of a run.
SEEDS = (0, 1, 2)
FOLDER = 'grids'
Methods = Mapping[str, Optional[Mapping[str, Any]]]


@dataclass(frozen=True)
class TestFolders:
    """Images to test on; ``lq``: None where LR images are to be made from them by bicubic."""

    __test__ = False  # no test class, whatever pytest thinks of its name

    name: str
    gt: str
    lq: Optional[str] = None


@dataclass(frozen=True)
class GridText:
    """What a grid file says.

    Attributes:
        about: What the grid asks.
        name: Name of the comparison.
        base: The base as the grid names it.
        methods: Name -> keys that differ from the base; None: the row of that name in the table of methods.
        tests: What is tested on.
        twin: What the others are compared with; None: what the table says.
        seeds: The seeds.
        iters: Updates of each run; None: as many as the base has.
        made_by: The command that makes the file.
        file: The path as the user has it.
    """

    about: str
    name: str
    base: str
    methods: Methods
    tests: Sequence[TestFolders]
    twin: Optional[str] = None
    seeds: Sequence[int] = SEEDS
    iters: Optional[int] = None
    made_by: str = ''
    file: str = ''


def grid_text(grid: GridText) -> str:
    """Return the text of a grid file."""
    settings = {'twin': grid.twin, 'seeds': list(grid.seeds), 'iters': grid.iters}
    parts = [
        f'# Made by {grid.made_by}\n# {grid.about}.\n#\n# basicsr compare {grid.file}\n',
        f'name: {yaml_text(grid.name)}\nbase: {yaml_text(grid.base)}\n',
        'methods:\n' + ''.join(_method(name, keys) for name, keys in grid.methods.items()),
        ''.join(f'{key}: {value}\n' for key, value in settings.items() if value is not None),
        'test:\n' + ''.join(_test_set(each) for each in grid.tests),
    ]
    return '\n'.join(parts)


def base_method(methods: Sequence[str], net: str) -> str:
    """Return the method of plain training that a grid of ``methods`` stands on.

    It is their twin where all have the same one, so that its paper's schedule holds, and ``baseline`` otherwise.

    Raises:
        OptionError: Two of them are the same training on one base.
    """
    twins = {METHODS[method].twin or method for method in methods}
    base = twins.pop() if len(twins) == 1 else 'baseline'
    plain = _plain(methods, base, net)
    if len(plain) > 1:
        raise OptionError(
            f'On one base {" and ".join(plain)} are the same training',
            where='--methods',
            found=' '.join(methods),
            remedy=f'leave out {" and ".join(plain[1:])}',
        )
    return base


def named_twin(methods: Sequence[str], base: str, net: str) -> Optional[str]:
    """Return what a grid has to name as the twin: the base's own training, where it is not called baseline."""
    plain = _plain(methods, base, net)
    return plain[0] if plain and plain[0] != 'baseline' else None


def _plain(methods: Sequence[str], base: str, net: str) -> List[str]:
    """Return those of ``methods`` that change nothing of ``base``."""
    has_image = METHODS[base].residual or NETWORKS[net].adds_image
    return [
        method for method in methods if METHODS[method].twin is None and (has_image or not METHODS[method].residual)
    ]


def shipped_grids() -> Dict[str, Callable[[Setting], str]]:
    """Return the shipped grids, the papers' ablations: path below ``options/`` -> what makes the text."""
    return {f'{FOLDER}/{name}.yml': _shipped_maker(name, sweep) for name, sweep in SWEEPS.items()}


def benchmarks(scale: int) -> List[TestFolders]:
    """Return the benchmarks, where BasicSR users keep them; at scale 1 the test images of RealSR."""
    if scale == REAL:
        return [TestFolders('RealSR_test', f'{REAL_FOLDER}/test_HR', f'{REAL_FOLDER}/test_LR')]
    return [TestFolders(name, f'datasets/{name}/GTmod12', f'datasets/{name}/LRbicx{scale}') for name in BENCHMARKS]


def base_text(recipe: Recipe, setting: Setting) -> Tuple[str, Dict[str, Any]]:
    """Return the text of the base of a grid, and its options."""
    text = render(dataclasses.replace(recipe, setting=setting))
    return text, yaml.safe_load(text)


def held_out(data: OwnData) -> TestFolders:
    """Return the images of one's own that are held out."""
    return TestFolders(f'{data.name}_val', data.val_hr, data.val_lr)


def _shipped_maker(name: str, sweep: Sweep) -> Callable[[Setting], str]:
    recipe = Recipe(sweep.net, sweep.base, sweep.scale)

    def make(setting: Setting) -> str:
        beside = setting.out is None
        return grid_text(
            GridText(
                about=sweep.about,
                name=setting.name or name,
                base=f'../{recipe.file_name}' if beside else recipe.file,
                methods=sweep.keys(base_text(recipe, Setting())[1]),
                tests=benchmarks(sweep.scale),
                twin=sweep.twin,
                made_by=f'basicsr option {FOLDER}/{name}{setting.argument}',
                file=setting.file_or(f'options/{FOLDER}/{name}.yml'),
            )
        )

    return make


def _method(name: str, keys: Optional[Mapping[str, Any]]) -> str:
    if keys is None:
        return f'  - {name}\n'
    if not keys:
        return f'  - {name}: {{}}\n'
    return f'  - {name}:\n' + indent(''.join(_key(*each) for each in keys.items()), '      ')


def _key(key: str, value: Any) -> str:
    if value is None:
        return f'{key}: ~  # taken away\n'
    if isinstance(value, dict):
        return f'{key}:\n' + indent(yaml.safe_dump(value, sort_keys=False, default_flow_style=None), '  ')
    return f'{key}: {_scalar(value)}\n'


def _scalar(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).replace('\n...', '').strip()


def _test_set(folders: TestFolders) -> str:
    lines = f'  {yaml_text(folders.name)}:\n    gt: {yaml_text(folders.gt)}\n'
    return lines if folders.lq is None else f'{lines}    lq: {yaml_text(folders.lq)}\n'
