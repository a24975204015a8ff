"""Reads a grid: the file that says which methods are compared, on which base, with which seeds and test images."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from bsr_plugins.common.findings import ERROR, Finding, shortened
from bsr_plugins.common.naming import closest_name, did_you_mean, wrong_with_run_name
from bsr_plugins.data.images.shared_options import names_images
from bsr_plugins.options.option_file import KeyPath, OptionFile
from bsr_plugins.options.templates.methods import METHODS

KEYS = ('name', 'base', 'methods', 'twin', 'seeds', 'iters', 'override', 'test', 'as_published')
_TEST_KEYS = ('gt', 'lq', 'lq_template')
_BICUBIC = 'bicubic'
_METHOD_NAME = re.compile(r'[A-Za-z0-9][\w.+-]*', re.ASCII)
_METHODS_EXPECTED = 'a list of method names, or names with the keys that differ'
#: Beyond it numpy takes no seed.
_MOST_SEED = 2**31 - 1
# What every run gets from the grid, and what all runs share.
_SET_BY_GRID = {
    'name': 'runs are named after the grid, the method and the seed',
    'manual_seed': 'the seeds of the grid set it: seeds: [0, 1]',
    'path:resume_state': 'runs resume by themselves',
}
_SAME_FOR_ALL = {
    'train:total_iter': 'all methods get the same number of updates: set iters of the grid',
    'scale': 'set it in the base: only images of one scale can be compared',
}


@dataclass(frozen=True)
class GridMethod:
    """A method of a grid.

    Attributes:
        name: Its name in the comparison.
        keys: ``key:path`` -> value of what differs; None: it is a row of the table of methods.
        place: Where it stands in the grid file.
    """

    name: str
    keys: Optional[Mapping[str, Any]]
    place: KeyPath


@dataclass(frozen=True)
class Grid:
    """What a grid file says.

    Attributes:
        file: The file as read; its ``where`` says where a key stands.
        name: Name of the comparison.
        base: The option file that methods are put onto; None where the file names none that is there.
        methods: The methods, in their order.
        twin: The method that the others are compared with; None: that of the table for methods of the table.
        seeds: ``manual_seed`` of the runs of each method.
        iters: Updates of each run; None: as many as the base has.
        override: ``key:path`` -> value for all runs.
        test: Test set -> its ``gt``, ``lq``, ``lq_template``; empty: the base's validation sets.
        as_published: Whether methods are compared at the papers' unequal budgets besides.
    """

    file: OptionFile
    name: str
    base: Optional[Path]
    methods: Tuple[GridMethod, ...]
    twin: Optional[str]
    seeds: Tuple[int, ...]
    iters: Optional[int]
    override: Mapping[str, Any]
    test: Mapping[str, Mapping[str, Any]]
    as_published: bool


def read_grid(file: OptionFile, root: Path) -> Tuple[Grid, List[Finding]]:
    """Return a grid, and everything that is wrong with the file itself; what is wrong is left out of the grid.

    Args:
        file: The grid file.
        root: The working directory. The base and folders of images are looked for beside the grid file, then there.
    """
    reader = _Reader(file, root)
    return reader.grid(), reader.findings


def found_beside(file: OptionFile, root: Path, path: str) -> Optional[Path]:
    """Return a path that a grid names, from the grid file's folder or the working directory; None: in neither."""
    name = os.path.expanduser(path)
    return next((each for each in (Path(file.path).parent / name, root / name) if each.exists()), None)


class _Reader:
    def __init__(self, file: OptionFile, root: Path) -> None:
        self.file = file
        self.root = root
        self.findings: List[Finding] = []

    def grid(self) -> Grid:
        self._unknown((), KEYS, 'A grid')
        for keys, first in self.file.repeated.items():
            self._wrong(f"'{':'.join(keys)}' appears twice", keys, found=f'first on line {first}')
        methods = tuple(self._methods())
        override = self._keys(('override',), _SET_BY_GRID)
        return Grid(
            file=self.file,
            name=self._name(),
            base=self._base(),
            methods=methods,
            twin=self._twin(methods),
            seeds=self._seeds(),
            iters=self._iters(),
            override=override,
            test=self._test(),
            as_published=self._as_published(),
        )

    def _name(self) -> str:
        value = self.file.get('name')
        if 'name' not in self.file.options:
            return Path(self.file.path).stem
        wrong = wrong_with_run_name(value)
        if wrong is None:
            return value
        self._wrong('The name of the comparison is none for a folder', ('name',), expected=wrong, found=value)
        return Path(self.file.path).stem

    def _base(self) -> Optional[Path]:
        value = self.file.get('base')
        if not isinstance(value, str) or not value:
            self._wrong('The grid names no base', ('base',), expected='base: X.yml, an option file for training')
            return None
        found = found_beside(self.file, self.root, value)
        if found is None or not found.is_file():
            folder = Path(self.file.path).parent
            near = closest_name(Path(value).name, [each.name for each in (folder / value).parent.glob('*.y*ml')])
            self._wrong(
                f'The base does not exist: {value}',
                ('base',),
                expected=f'a file in {folder.absolute()} or {self.root}',
                remedy=f"did you mean '{Path(value).with_name(near)}'?" if near else None,
            )
            return None
        return found

    def _methods(self) -> Iterator[GridMethod]:
        value = self.file.get('methods')
        entries: List[Tuple[Optional[Tuple[str, Any]], KeyPath]] = []
        if isinstance(value, dict):
            entries = [((name, keys), ('methods', name)) for name, keys in value.items()]
        elif isinstance(value, list):
            places = [('methods', str(index)) for index in range(len(value))]
            entries = [(self._entry(each, place), place) for each, place in zip(value, places)]
        if not value or not isinstance(value, (dict, list)):
            self._wrong('The grid has no methods', ('methods',), expected=_METHODS_EXPECTED, found=value)
        seen: Dict[str, KeyPath] = {}
        for entry, place in entries:
            if entry is None:
                continue
            name, keys = entry
            if not _METHOD_NAME.fullmatch(name) or len(name) > 80:
                self._wrong(
                    f'This is no name for a method: {name!r}', place, expected='up to 80 letters, digits and . _ + -'
                )
            elif name == _BICUBIC:
                self._wrong('bicubic stands in every report, as no method', place, remedy='give it another name')
            elif name in seen:
                self._wrong(f"The method '{name}' stands twice", place, remedy='remove one of them')
            elif keys is _OF_TABLE and name not in METHODS:
                self._wrong(f"There is no method '{name}'", place, remedy=_method_remedy(name))
            else:
                seen[name] = place
                keys_place = place if isinstance(value, dict) else (*place, name)
                yield GridMethod(
                    name,
                    None if keys is _OF_TABLE else self._keys(keys_place, {**_SET_BY_GRID, **_SAME_FOR_ALL}),
                    place,
                )

    def _entry(self, entry: Any, place: KeyPath) -> Optional[Tuple[str, Any]]:
        if isinstance(entry, str):
            return entry, _OF_TABLE
        if isinstance(entry, dict) and len(entry) == 1:
            return next(iter(entry.items()))
        self._wrong('This is no method', place, expected='a name, or one name with the keys that differ', found=entry)
        return None

    def _keys(self, place: KeyPath, refused: Mapping[str, str]) -> Dict[str, Any]:
        value = self.file.get(*place)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._wrong('Here stand keys of the option file', place, expected='{key:path: value, ...}', found=value)
            return {}
        for key in value:
            if key in refused:
                self._wrong(f"'{key}' cannot be set here", (*place, key), remedy=refused[key])
            elif '' in key.split(':'):
                self._wrong(f'This is no key path: {key!r}', (*place, key), expected='names joined by colons')
        return {key: each for key, each in value.items() if key not in refused and '' not in key.split(':')}

    def _twin(self, methods: Tuple[GridMethod, ...]) -> Optional[str]:
        value, names = self.file.get('twin'), [method.name for method in methods]
        if value is None:
            return None if not methods or all(method.keys is None for method in methods) else names[0]
        if value in names:
            return value
        remedy = f'add it to the methods: {value}' if value in list(METHODS) else did_you_mean(str(value), names)
        self._wrong(f'The twin is no method of the grid: {value!r}', ('twin',), remedy=remedy)
        return None

    def _seeds(self) -> Tuple[int, ...]:
        value = self.file.get('seeds')
        if 'seeds' not in self.file.options:
            return (0,)
        if not isinstance(value, list) or not value:
            self._wrong('The seeds are no list', ('seeds',), expected='seeds: [0, 1]', found=value)
            return (0,)
        for problem in wrong_with_seeds(value):
            self._wrong(problem, ('seeds',), expected='different whole numbers from 0 on', found=value)
            return (0,)
        return tuple(value)

    def _iters(self) -> Optional[int]:
        value = self.file.get('iters')
        if 'iters' not in self.file.options or (_is_whole(value) and value >= 1):
            return value
        self._wrong('iters is no number of updates', ('iters',), expected='a whole number from 1 on', found=value)
        return None

    def _as_published(self) -> bool:
        value = self.file.get('as_published')
        if 'as_published' in self.file.options and not isinstance(value, bool):
            self._wrong('as_published has a wrong value', ('as_published',), expected='true or false', found=value)
        return value if isinstance(value, bool) else isinstance(self.file.get('methods'), list)

    def _test(self) -> Dict[str, Dict[str, Any]]:
        value = self.file.get('test')
        if 'test' not in self.file.options:
            return {}
        if not isinstance(value, dict) or not value:
            self._wrong('There are no test sets', ('test',), expected='test: {Set5: {gt: DIR, lq: DIR}}', found=value)
            return {}
        result = {}
        for name, entry in value.items():
            place = ('test', name)
            wrong = wrong_with_run_name(name)
            if wrong is not None:
                self._wrong('A test set has a name that is none for a folder', place, expected=wrong, found=name)
            elif not isinstance(entry, dict) or entry.get('gt') is None:
                self._wrong('The test set has no HR images', place, expected='{gt: DIR, lq: DIR}', found=entry)
            else:
                self._unknown(place, _TEST_KEYS, 'A test set')
                if self._is_template(name, entry):
                    result[name] = entry
        return result

    def _is_template(self, name: str, entry: Mapping[str, Any]) -> bool:
        value, place = entry.get('lq_template'), ('test', name, 'lq_template')
        if value is None:
            return True
        if entry.get('lq') is None:
            self._wrong('lq_template names LR images, and there are none', place, remedy='give lq, or remove it')
        elif not isinstance(value, str) or not names_images(value):
            self._wrong('lq_template makes no name of an LR image', place, expected="'{}', '{}x4', ...", found=value)
        else:
            return True
        return False

    def _unknown(self, place: KeyPath, known: Tuple[str, ...], owner: str) -> None:
        for key in self.file.section(*place) if place else self.file.options:
            if key not in known:
                self._wrong(f"{owner} has no key '{key}'", (*place, key), remedy=did_you_mean(key, known))

    def _wrong(
        self,
        problem: str,
        place: KeyPath,
        expected: Optional[str] = None,
        found: Any = None,
        remedy: Optional[str] = None,
    ) -> None:
        shown = None if found is None else shortened(found if isinstance(found, str) else repr(found))
        self.findings.append(Finding(ERROR, problem, self.file.where(*place), expected, shown, remedy))


_OF_TABLE = object()


def wrong_with_seeds(seeds: List[Any]) -> Iterator[str]:
    """Yield what is wrong with a list of seeds."""
    if any(not _is_whole(seed) or not 0 <= seed <= _MOST_SEED for seed in seeds):
        yield 'A seed is no whole number from 0 on'
    elif len(set(seeds)) < len(seeds):
        yield 'A seed stands twice'


def _method_remedy(name: str) -> str:
    return f'{did_you_mean(name, METHODS)}; a method of your own is written with its keys: {name}: {{key:path: value}}'


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
