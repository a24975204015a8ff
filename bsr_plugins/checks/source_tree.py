"""Classes and functions of source folders by name: found by their text, parsed only when asked for, never imported."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, FrozenSet, Iterable, List, Optional, Sequence, Tuple, Union

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]

_DEFINED = re.compile(r'^(?:class|def)\s+(\w+)', re.MULTILINE)
_NAME_READ = re.compile(
    r"""\[\s*['"](\w+)['"]\s*\]|\.(?:get|pop|setdefault)\(\s*['"](\w+)['"]|['"](\w+)['"]\s+"""
    r"""(?:not\s+)?in\b|\b(\w+)\s*(?::\s*[\w\[\]., ]+)?=\s*[^=]"""
)
# Bases that neither take nor read options.
_PLAIN_BASES = frozenset({'object', 'Module', 'Dataset', 'IterableDataset', 'ABC', 'Protocol', 'Generic'})


@dataclass(frozen=True)
class Definition:
    """A class or function, and the file it stands in."""

    node: Union[ast.ClassDef, ast.FunctionDef]
    path: Path


class SourceTree:
    """The Python files below some folders.

    Args:
        files: The files; of several definitions of one name that in the asking file's own package is taken, else the
            first.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self.texts: Dict[Path, str] = {}
        for path in files:
            try:
                self.texts.setdefault(path, path.read_text(encoding='utf-8', errors='replace'))
            except OSError:
                continue
        self._places: Dict[str, List[Path]] = {}
        for path, text in self.texts.items():
            for name in _DEFINED.findall(text):
                self._places.setdefault(name, []).append(path)
        self._modules: Dict[Path, Optional[ast.Module]] = {}
        self._names_read: Optional[FrozenSet[str]] = None

    @property
    def names_read(self) -> FrozenSet[str]:
        """Every name that any file reads as a key of something, or has as a parameter: what is no misspelling."""
        if self._names_read is None:
            self._names_read = frozenset(
                name for text in self.texts.values() for match in _NAME_READ.findall(text) for name in match if name
            )
        return self._names_read

    def module(self, path: Path) -> Optional[ast.Module]:
        """Return the parsed file, or None where it is no Python of this version."""
        if path not in self._modules:
            self._modules[path] = _parsed(self.texts[path]) if path in self.texts else None
        return self._modules[path]

    def find(self, name: str, near: Optional[Path] = None) -> Optional[Definition]:
        """Return the definition of ``name`` at the top level of a file: in ``near``, its package, or anywhere."""
        places = self._places.get(name, [])
        for path in sorted(places, key=lambda place: -_nearness(place, near)):
            module = self.module(path)
            for node in module.body if module else []:
                if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
                    return Definition(node, path)
        return None

    def source(self, definition: Definition) -> str:
        """Return the lines of a class or function."""
        lines = self.texts[definition.path].splitlines()
        return '\n'.join(lines[definition.node.lineno - 1 : definition.node.end_lineno])

    def chain(self, definition: Definition, below: Tuple[Definition, ...] = ()) -> Tuple[List[Definition], bool]:
        """Return a class and its bases, nearest first, and whether all of them are known; ``below``: its heirs."""
        chain, complete = [definition], True
        below = (*below, definition)
        for base in getattr(definition.node, 'bases', []):
            name, near = self._origin(last_name(base), definition.path)
            if name in _PLAIN_BASES:
                continue
            found = self.find(name, near) if name else None
            if found is None or found in below or not isinstance(found.node, ast.ClassDef):
                complete = False
                continue
            bases, known = self.chain(found, below)
            chain += [each for each in bases if each not in chain]
            complete = complete and known
        return chain, complete

    def method(self, chain: Sequence[Definition], name: str) -> Optional[Tuple[Function, Definition]]:
        """Return the first method of that name in a chain of classes."""
        for definition in chain:
            for node in definition.node.body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    return node, definition
        return None

    def _origin(self, name: str, path: Path) -> Tuple[str, Path]:
        """Return the name that ``from x import Name as name`` stands for, and the file of x where it is one of ours."""
        module = self.module(path)
        for node in module.body if module else []:
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if name == (alias.asname or alias.name):
                        return alias.name, self._imported(node, path) or path
        return name, path

    def _imported(self, node: ast.ImportFrom, path: Path) -> Optional[Path]:
        parts = (node.module or '').split('.')
        if node.level:
            place = path.parents[node.level - 1].joinpath(*parts).with_suffix('.py')
            return place if place in self.texts else None
        tail = (*parts[:-1], f'{parts[-1]}.py')
        return next((place for place in self.texts if place.parts[-len(tail) :] == tail), None)


def _parsed(text: str) -> Optional[ast.Module]:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def last_name(node: ast.AST) -> str:
    """Return ``name`` of ``name``, ``a.name`` and ``a.b.name``, else an empty text."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ''


def _nearness(place: Path, near: Optional[Path]) -> int:
    if near is None:
        return 0
    if place == near:
        return 1000
    return sum(1 for left, right in zip(place.parts, near.parts) if left == right)
