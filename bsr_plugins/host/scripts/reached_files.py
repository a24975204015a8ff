"""The files of a checkout that a script runs: itself, and what it imports, read from the source."""

from __future__ import annotations

import ast
import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Sequence

_PACKAGE = 'basicsr'
_CLASS_FOLDERS = ('archs', 'data', 'losses', 'metrics', 'models')


def reached_files(script: Path, root: Path) -> List[Path]:
    """Return ``script`` and the files of the checkout ``root`` that it imports, in turn; those of basicsr are left out.

    Packages of BasicSR's kind import every file of a folder whose name has a certain ending: of these all are taken.
    """
    roots = list(dict.fromkeys([root, script.parent]))  # as they stand on the import path when the script runs
    found: Dict[Path, None] = {}
    pending = [script]
    while pending:
        path = pending.pop(0)
        if path not in found:
            found[path] = None
            pending += _imported_by(path, roots)
    return list(found)


def installed_files(files: Iterable[Path], root: Path) -> List[Path]:
    """Return the files of installed packages of BasicSR's kind (``realesrgan/archs``) that ``files`` import by name.

    Nothing is imported; what ``root`` has itself is no installed package.
    """
    names = {name.partition('.')[0] for path in files for name in _names_imported(path)}
    found: List[Path] = []
    for name in sorted(names - {_PACKAGE, ''}):
        if (root / name).exists() or (root / f'{name}.py').exists() or name in sys.builtin_module_names:
            continue
        spec = PathFinder.find_spec(name)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            found += [path for part in _CLASS_FOLDERS for path in sorted((Path(folder) / part).glob('*.py'))]
    return found


def _names_imported(path: Path) -> Iterator[str]:
    tree = parsed(path)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ''


def parsed(path: Path) -> Optional[ast.Module]:
    """Return the syntax tree of a file, None where it cannot be read or is no Python."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


def _imported_by(path: Path, roots: Sequence[Path]) -> Iterator[Path]:
    tree = parsed(path)
    scans, endings = False, []
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_of(alias.name, roots)
        elif isinstance(node, ast.ImportFrom):
            places = [path.parents[node.level - 1]] if node.level else roots
            base = f'{node.module}.' if node.module else ''
            for alias in node.names:
                yield from _files_of(base + alias.name, places)
        elif isinstance(node, ast.Attribute):
            scans = scans or node.attr == 'import_module'
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith('.py'):
            endings.append(node.value)
    if scans and path.name == '__init__.py':
        for place in sorted(path.parent.rglob('*.py')):
            if place.name.endswith(tuple(endings) or '.py'):
                yield place


def _files_of(name: str, places: Sequence[Path]) -> Iterator[Path]:
    """Yield what ``import name`` runs: the packages on the way and the module, in the first place that has the name."""
    parts = name.split('.')
    if parts[0] == _PACKAGE:
        return
    for place in places:
        if os.path.isfile(place / f'{parts[0]}.py') or os.path.isdir(place / parts[0]):
            folder = place
            for part in parts:
                yield from filter(os.path.isfile, (folder / f'{part}.py', folder / part / '__init__.py'))
                folder = folder / part
            return
