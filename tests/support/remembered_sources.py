"""Source files that the check of an option file reads, parsed and followed once for all tests while they stay the same.

What is kept goes by the files' texts: a test that changes a file, or adds one, gets what is in it.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Callable, Dict, Hashable, Iterable, List

import pytest

from bsr_plugins.checks import code_in_use, source_tree, type_checks
from bsr_plugins.checks.option_reads import Reads
from bsr_plugins.checks.source_tree import SourceTree
from bsr_plugins.host.source_names import SourceNames

_KEPT = 8  # a tree is a megabyte of text, besides what is read of it
_trees: Dict[Hashable, SourceTree] = {}
_reads: Dict[int, Dict[Hashable, Reads]] = {}


def remember_sources(patch: pytest.MonkeyPatch) -> None:
    """Let the check look at sources as it does, but not twice at the same: it takes most of its time."""
    patch.setattr(source_tree, '_parsed', functools.lru_cache(maxsize=None)(source_tree._parsed))
    patch.setattr(code_in_use, 'SourceTree', _tree_of)
    for name in ('reads_of_class', 'reads_of_functions'):
        patch.setattr(code_in_use, name, _once_a_tree(getattr(code_in_use, name)))
    patch.setattr(type_checks, 'basicsr_names', _names_once(type_checks.basicsr_names))


def _tree_of(files: Iterable[Path]) -> SourceTree:
    tree = SourceTree(files)
    key = tuple(tree.texts.items())
    if key not in _trees:
        while len(_trees) >= _KEPT:
            _reads.pop(id(_trees.pop(next(iter(_trees)))), None)
        _trees[key] = tree
    return _trees[key]


def _once_a_tree(function: Callable[..., Reads]) -> Callable[..., Reads]:
    def found(tree: SourceTree, where: List[Any], *more: Any) -> Reads:
        # The nodes stay alive in the tree, so that no other one gets the id of one of them.
        key = (function.__name__, tuple(id(getattr(each, 'node', each)) for each in where), repr(more))
        reads = _reads.setdefault(id(tree), {})
        if key not in reads:
            reads[key] = function(tree, where, *more)
        return Reads().add(reads[key])

    return found


def _names_once(function: Callable[[Path], SourceNames]) -> Callable[[Path], SourceNames]:
    kept: Dict[Hashable, SourceNames] = {}

    def found(folder: Path) -> SourceNames:
        stats = ((path, path.stat()) for path in sorted(folder.rglob('*.py')))
        key = tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats)
        if key not in kept:
            kept[key] = function(folder)
        return SourceNames({kind: dict(names) for kind, names in kept[key].registered.items()})

    return found
