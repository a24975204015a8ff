"""Reads BasicSR's option files: the values that BasicSR reads, each key with its line, nothing executed."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Set, Tuple, Union

import yaml

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import closest_name
from bsr_plugins.common.shown import Lines

KeyPath = Tuple[str, ...]
PathLike = Union[str, 'os.PathLike[str]']

# BasicSR takes the C reader where it is built in; the two differ in what they allow (tabs), not in what they read.
_SafeLoader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
_PYTHON_TAG = 'tag:yaml.org,2002:python/'
_MERGE_TAG = 'tag:yaml.org,2002:merge'
# Far above any option file. Aliases of aliases multiply, and the C reader overflows its stack where nesting is deep.
_MOST_VALUES, _DEEPEST = 100_000, 50


@dataclass(frozen=True)
class OptionFile:
    """The content of one option file.

    Attributes:
        path: The file as the user named it.
        options: The values, as BasicSR reads them.
        lines: Line number (from 1) of each key path; ``('train', 'optim_g', 'lr')`` for one.
        plain: Key paths whose value is unquoted text, where YAML alone decided that it is no number.
        forced: Key paths set on the command line (``--force_yml``), not by the file.
        repeated: Key paths that stand twice, with the line of the first; the last one counts, as in BasicSR.
    """

    path: str
    options: Dict[str, Any]
    lines: Dict[KeyPath, int]
    plain: Set[KeyPath]
    forced: Set[KeyPath]
    repeated: Dict[KeyPath, int] = field(default_factory=dict)

    def where(self, *keys: str) -> str:
        """Return ``file:line: key.path``; a key that the file lacks gets the line of the nearest section around it."""
        dotted = '.'.join(keys)
        for end in range(len(keys), 0, -1):
            if tuple(keys[:end]) in self.forced:
                return f'--force_yml: {dotted}'
            if tuple(keys[:end]) in self.lines:
                return f'{self.path}:{self.lines[tuple(keys[:end])]}: {dotted}'
        return f'{self.path}: {dotted}' if dotted else self.path

    def get(self, *keys: str) -> Any:
        """Return the value at a key path, or None where it or a section on the way is absent."""
        value: Any = self.options
        for key in keys:
            if isinstance(value, list) and key.isdigit() and int(key) < len(value):
                value = value[int(key)]
            elif isinstance(value, dict):
                value = value.get(key)
            else:
                return None
        return value

    def section(self, *keys: str) -> Dict[str, Any]:
        """Return the mapping at a key path, or an empty one where nothing of that kind stands there."""
        value = self.get(*keys)
        return value if isinstance(value, dict) else {}


def read_option_file(path: PathLike) -> OptionFile:
    """Read an option file with YAML's safe reader.

    Python tags and merge keys are refused: the first would run code in BasicSR's reader, the second stop it. Of a key
    that stands twice the last one counts, as there; :attr:`OptionFile.repeated` names it.

    Raises:
        OptionError: The file is absent, a folder, empty, not UTF-8, not YAML, or not a mapping; the message names the
            line and shows it.
    """
    name = os.fspath(path)
    text = _read_text(name)
    loader = _SafeLoader(text)
    try:
        _refuse_deep(name, text, _SafeLoader)
        root = loader.get_single_node()
        if root is None:
            raise OptionError('The option file is empty', where=name)
        if not isinstance(root, yaml.MappingNode):
            raise OptionError(
                'The option file is not a list of keys and values',
                where=_at(name, root),
                expected='key: value',
                found=_shown(text, root.start_mark),
                remedy='write a space after the colon of `key: value`',
            )
        reader = _Reader(name, text, loader)
        options = reader.value(root, ())
    except (yaml.YAMLError, RecursionError) as error:
        raise _malformed(name, text, error) from None
    finally:
        loader.dispose()
    return OptionFile(name, options, reader.lines, reader.plain, set(), reader.repeated)


class _Reader:
    """Turns YAML nodes into values as BasicSR's reader does, and notes the line of each key."""

    def __init__(self, name: str, text: str, loader: Any) -> None:
        self.name = name
        self.text = text
        self.loader = loader
        self.lines: Dict[KeyPath, int] = {}
        self.plain: Set[KeyPath] = set()
        self.repeated: Dict[KeyPath, int] = {}
        self._open: List[yaml.Node] = []
        self._values = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._refuse_tag(node)
        self._values += 1
        if self._values > _MOST_VALUES:
            raise self._error(
                'The option file holds too many values, most of them by aliases of aliases',
                node,
                expected=f'at most {_MOST_VALUES:,} values',
            )
        if any(node is outer for outer in self._open):
            raise self._error('An alias refers to the anchor it stands in', node, remedy='write the value out')
        if len(self._open) > _DEEPEST:
            raise _too_deep(_at(self.name, node))
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.value(child, (*path, str(index))) for index, child in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._open.pop()

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> Dict[str, Any]:
        result: Dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            place = (*path, key)
            if key in result:
                self.repeated[place] = self.lines[place]
            self.lines[place] = key_node.start_mark.line + 1
            result[key] = self.value(value_node, place)
        return result

    def _key(self, node: yaml.Node) -> str:
        self._refuse_tag(node)
        if node.tag == _MERGE_TAG:
            raise self._error('Merge keys (`<<`) are unknown to BasicSR', node, remedy='write the keys out')
        if not isinstance(node, yaml.ScalarNode):
            raise self._error('A key is a list or a mapping', node, expected='a name')
        key = self._scalar(node, ())
        if not isinstance(key, str):  # BasicSR stops at it when it prints its options
            raise self._error(
                f'The key {node.value} is read as {_kind(key)}',
                node,
                expected='a name',
                remedy=f"quote it: '{node.value}'",
            )
        return key

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        if isinstance(node, yaml.ScalarNode) and not node.style and node.tag == 'tag:yaml.org,2002:str':
            self.plain.add(path)
        try:
            return self.loader.construct_object(node, deep=True)
        except (ValueError, TypeError, LookupError) as error:
            raise self._error(f'The value does not fit its tag: {error}', node) from None

    def _refuse_tag(self, node: yaml.Node) -> None:
        if node.tag.startswith(_PYTHON_TAG):
            raise self._error(
                'Python tags are refused: BasicSR would run the code they name',
                node,
                expected='plain values',
                remedy=f'remove !!python/{node.tag[len(_PYTHON_TAG) :]} and write the value itself',
            )
        if node.tag.startswith('!'):
            raise self._error(f'The tag {node.tag} is unknown', node, remedy='remove the tag, or quote the text')

    def _error(self, problem: str, node: yaml.Node, **details: Any) -> OptionError:
        details.setdefault('found', _shown(self.text, node.start_mark))
        return OptionError(problem, where=_at(self.name, node), **details)


def _refuse_deep(name: str, text: str, reader: Any) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=reader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise _too_deep(f'{name}:{event.start_mark.line + 1}' if event.start_mark else name)


def _too_deep(where: str) -> OptionError:
    return OptionError(
        'The option file is nested too deeply',
        where=where,
        expected=f'at most {_DEEPEST} sections and lists inside each other',
    )


def _read_text(name: str) -> str:
    path = Path(name)
    if path.is_dir():
        files = sorted(entry.name for entry in path.iterdir() if entry.suffix in ('.yml', '.yaml'))
        raise OptionError(
            'The option file is a folder',
            where=name,
            expected='a .yml file',
            found=', '.join(files[:8]) or 'no .yml file in it',
        )
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise OptionError(
            'The option file does not exist',
            where=name,
            found=f'the working directory is {os.getcwd()}',
            remedy=_absent_remedy(path),
        ) from None
    except OSError as error:
        raise OptionError(f'The option file cannot be read: {error.strerror}', where=name) from None
    try:
        return data.decode('utf-8')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise OptionError(
            'The option file is not UTF-8 text',
            where=f'{name}:{line}',
            found=f'byte 0x{data[error.start]:02x}',
            remedy='save it as UTF-8',
        ) from None


def _absent_remedy(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        existing = next(parent for parent in path.absolute().parents if parent.is_dir())
        missing = f'its folder does not exist either; {existing} does'
        return f'{missing}; {_same_name(path)}' if _same_name(path) else missing
    near = closest_name(path.name, [entry.name for entry in folder.iterdir() if entry.is_file()])
    if near:
        return f"did you mean '{folder / near}'?"
    return _same_name(path) or f'correct the path: {folder} holds no file of a similar name'


def _same_name(path: Path) -> Optional[str]:
    found = next(iter(sorted(Path('options').rglob(path.name))), None) if path.name else None
    return f"did you mean '{found}'?" if found else None


def _malformed(name: str, text: str, error: Exception) -> OptionError:
    # Newer C readers scan ahead and stop at deep nesting in words of their own; the Python reader comes to the place.
    with contextlib.suppress(yaml.YAMLError):
        _refuse_deep(name, text, yaml.SafeLoader)
    mark = getattr(error, 'problem_mark', None)
    if mark is None:
        return OptionError('The option file is not valid YAML', where=name, found=Lines(str(error)))
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ''
    around = lines[max(0, mark.line - 1) : mark.line + 1]
    if any('\t' in shown[: len(shown) - len(shown.lstrip())] for shown in around) or '\t' in line:
        problem, remedy = 'A tab stands where YAML allows only spaces', 'replace tabs by spaces'
    else:
        problem = f'The option file is not valid YAML: {getattr(error, "problem", None) or error}'
        remedy = 'indent by spaces, write `key: value` with a space after the colon, quote text that holds `: ` or ` #`'
    return OptionError(
        problem, where=f'{name}:{mark.line + 1}:{mark.column + 1}', found=_shown(text, mark), remedy=remedy
    )


def _at(name: str, node: yaml.Node) -> str:
    return f'{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}'


def _shown(text: str, mark: Any) -> Lines:
    """Return the marked line, the one before it, and a caret under the column."""
    lines = text.splitlines()
    first = max(0, mark.line - 1)
    shown = [f'    {number + 1:>4} | {lines[number]}' for number in range(first, min(mark.line + 1, len(lines)))]
    before = lines[mark.line][: mark.column] if mark.line < len(lines) else ''
    pad = ''.join('\t' if letter == '\t' else ' ' for letter in before)
    return Lines('\n'.join(['', *shown, f'         | {pad}^']))


def _kind(value: Any) -> str:
    return 'a boolean' if isinstance(value, bool) else 'nothing' if value is None else 'a number'
