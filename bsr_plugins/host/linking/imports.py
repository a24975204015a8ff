"""The modules that files of a package import as they are imported themselves, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Set


def imported_modules(files: Iterable[Path], package: Path) -> Dict[str, Path]:
    """Return module name -> file that imports it, for all that importing ``files`` imports; ``package`` is followed.

    What stands in a function, or in a ``try`` that has handlers, is left out: it may never run, or is allowed to fail.
    """
    importers: Dict[str, Path] = {}
    pending: List[Path] = list(files)
    seen: Set[Path] = set()
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in _names(path, package):
            importers.setdefault(name, path)
            pending += _files_of(name, package)
    return importers


def _names(path: Path, package: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in _at_import(tree.body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                folder = path.parents[node.level - 1]
                if package not in (folder, *folder.parents):
                    continue
                base = '.'.join(filter(None, [package.name, *folder.relative_to(package).parts, base]))
            yield base
            yield from (f'{base}.{alias.name}' for alias in node.names)


def _at_import(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.Try) and node.handlers:
            continue
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for field in ('body', 'orelse', 'finalbody'):
                yield from _at_import(getattr(node, field, []))


def _files_of(name: str, package: Path) -> List[Path]:
    """Return the files that importing a module of ``package`` runs: the packages on the way to it, and itself."""
    top, *parts = name.split('.')
    if top != package.name:
        return []
    files, folder = [], package
    for part in parts:
        files += [folder / f'{part}.py', folder / part / '__init__.py']
        folder = folder / part
    return [path for path in files if path.is_file()]
