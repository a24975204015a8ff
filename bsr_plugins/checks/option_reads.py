"""Which keys of an option file a piece of source reads, followed from name to name by ``ast``; nothing is imported.

A key path is a tuple of keys; ``*`` stands for any key and ``pretrain_network_*`` for a name put together at run time.
"""

from __future__ import annotations

import ast
import fnmatch
from dataclasses import dataclass, field
from typing import Dict, FrozenSet, Iterable, List, Optional, Sequence, Set, Tuple

from bsr_plugins.checks.source_tree import Definition, Function, SourceTree, last_name
from bsr_plugins.options.option_file import KeyPath

Paths = FrozenSet[KeyPath]
_NONE: Paths = frozenset()
_ROOT: Paths = frozenset({()})
_ACCESSORS = ('get', 'pop', 'setdefault')
_VIEWS = ('items', 'keys', 'values')
_COPIES = ('deepcopy', 'copy', 'dict', 'OrderedDict', 'sorted', 'list', 'enumerate', 'tqdm')
# They look at a section without reading any key of it, or what they build is checked by its own constructor.
_HARMLESS = frozenset(
    {
        'dict2str',
        'print',
        'str',
        'repr',
        'len',
        'bool',
        'isinstance',
        'type',
        'pformat',
        'pprint',
        'dump',
        'dumps',
        'safe_dump',
        'info',
        'warning',
        'debug',
        'error',
        'init',
        'format',
        'super',
        '__init__',
        'build_model',
        'build_dataset',
        'create_dataset',
        'build_dataloader',
        'calculate_metric',
        'create_model',
        'create_dataloader',
        'get_optimizer',
        'int',
        'float',
        'range',
        'expanduser',
        'join',
        'round',
        'max',
        'min',
        'any',
        'all',
        'append',
        'update',
        'Counter',
        'hasattr',
        'id',
    }
)
_DEEPEST = 4


@dataclass
class Reads:
    """Key paths that are read, and sections that are handed on whole, so that any key below them may be read."""

    keys: Set[KeyPath] = field(default_factory=set)
    whole: Set[KeyPath] = field(default_factory=set)

    def add(self, other: Reads, below: KeyPath = ()) -> Reads:
        """Take over what ``other`` reads, its paths put below a section."""
        self.keys.update((*below, *path) for path in other.keys)
        self.whole.update((*below, *path) for path in other.whole)
        return self

    def reads(self, path: KeyPath) -> bool:
        """Return whether the key at ``path``, or a section around it as a whole, is read."""
        return any(_fits(pattern, path) for pattern in self.keys) or any(
            _fits(pattern, path[: len(pattern)]) for pattern in self.whole
        )

    def names_below(self, section: KeyPath) -> Set[str]:
        """Return the names of the keys that are read right below ``section``."""
        return {
            pattern[-1]
            for pattern in self.keys
            if len(pattern) == len(section) + 1 and _fits(pattern[:-1], section) and '*' not in pattern[-1]
        }


def reads_of_class(tree: SourceTree, chain: Sequence[Definition], section: KeyPath = ()) -> Reads:
    """Return what the methods of a class and its bases read of ``opt`` and ``self.opt``, which hold ``section``."""
    reader = _Reader(tree, chain, {'opt': frozenset({section}), 'self.opt': frozenset({section})})
    methods = [node for definition in chain for node in definition.node.body if isinstance(node, ast.FunctionDef)]
    return reader.read(methods)


def reads_of_functions(tree: SourceTree, body: Iterable[ast.stmt], known: Dict[str, KeyPath]) -> Reads:
    """Return what the functions and classes of a module read of the names in ``known`` (name -> what it holds)."""
    functions: List[Function] = []
    for node in body:
        functions += (
            [node]
            if isinstance(node, ast.FunctionDef)
            else [each for each in getattr(node, 'body', []) if isinstance(each, ast.FunctionDef)]
        )
    return _Reader(tree, (), {name: frozenset({path}) for name, path in known.items()}).read(functions)


class _Reader:
    """Follows sections of the options through the names that hold them, in some functions."""

    def __init__(self, tree: SourceTree, chain: Sequence[Definition], names: Dict[str, Paths], depth: int = 0) -> None:
        self.tree = tree
        self.chain = chain
        self.names = names
        self.depth = depth
        self.found = Reads()

    def read(self, functions: Sequence[Function]) -> Reads:
        # What a method keeps in an attribute is read in another one, which may stand above it.
        kept: Dict[str, Paths] = {}
        for _ in range(3):
            before = dict(kept)
            for function in functions:
                names = {**self.names, **kept}
                reader = _FunctionReader(self, names)
                reader.visit_body(function)
                for name, paths in names.items():
                    if name.startswith('self.') and paths != self.names.get(name):
                        kept[name] = kept.get(name, _NONE) | paths
            if kept == before:
                break
        return self.found


class _FunctionReader(ast.NodeVisitor):
    def __init__(self, reader: _Reader, names: Dict[str, Paths]) -> None:
        self.reader = reader
        self.names = names
        self.found = reader.found

    def visit_body(self, function: Function) -> None:
        for node in function.body:
            self.visit(node)

    # ------------------------------------------------------------------ names that come to hold a section
    def visit_Assign(self, node: ast.Assign) -> None:  # noqa: N802
        self.visit(node.value)
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for each, value in zip(target.elts, node.value.elts):
                    self._bind(each, self.paths(value))
            else:
                self._bind(target, self.paths(node.value))
            if isinstance(target, ast.Subscript):
                self.paths(target.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:  # noqa: N802
        if node.value is not None:
            self.visit(node.value)
            self._bind(node.target, self.paths(node.value))

    def visit_For(self, node: ast.For) -> None:  # noqa: N802
        self._loop(node.target, node.iter)
        for each in [*node.body, *node.orelse]:
            self.visit(each)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._loop(node.target, node.iter)
        for each in node.ifs:
            self.visit(each)

    def _visit_comprehension_first(self, node: ast.AST) -> None:
        for generator in node.generators:  # type: ignore[attr-defined]
            self.visit(generator)
        for part in ('key', 'value', 'elt'):
            if hasattr(node, part):
                self.visit(getattr(node, part))

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension_first  # noqa: N815

    def _loop(self, target: ast.AST, source: ast.AST) -> None:
        self.visit(source)
        view, owner = '', source
        if isinstance(source, ast.Call) and last_name(source.func) in ('enumerate', 'list', 'sorted') and source.args:
            owner = source.args[0]
        if isinstance(owner, ast.Call) and isinstance(owner.func, ast.Attribute) and owner.func.attr in _VIEWS:
            view, owner = owner.func.attr, owner.func.value
        members = frozenset((*path, '*') for path in self.paths(owner))
        if not members:
            return
        self.found.keys.update(members)
        if view == 'items' and isinstance(target, ast.Tuple) and target.elts:
            self._bind(target.elts[-1], members)
        elif view == 'values':
            self._bind(target, members)

    def _bind(self, target: ast.AST, paths: Paths) -> None:
        name = _name_of(target)
        if name is None:
            return
        if paths:
            # A section put in place of another under a condition: either may be there afterwards.
            self.names[name] = paths | (self.names.get(name, _NONE) if name != 'opt' else _NONE)

    # ------------------------------------------------------------------ reads
    def visit_Subscript(self, node: ast.Subscript) -> None:  # noqa: N802
        self.paths(node)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:  # noqa: N802
        if any(isinstance(operator, (ast.In, ast.NotIn)) for operator in node.ops):
            for section in self.paths(node.comparators[0]):
                key = _key_of(node.left)
                self.found.keys.add((*section, key or '*'))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:  # noqa: N802
        self.paths(node)
        self._follow_call(node)
        self.generic_visit(node)

    def paths(self, node: ast.AST) -> Paths:
        """Return the sections or values that an expression may give, and note that they are read."""
        name = _name_of(node)
        if name is not None:
            return self.names.get(name, _NONE)
        if isinstance(node, ast.Subscript):
            return self._read(self.paths(node.value), node.slice, stored=isinstance(node.ctx, ast.Store))
        if isinstance(node, ast.BoolOp):
            return frozenset().union(*(self.paths(value) for value in node.values))
        if isinstance(node, ast.IfExp):
            return self.paths(node.body) | self.paths(node.orelse)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in _ACCESSORS and node.args:
                return self._read(self.paths(node.func.value), node.args[0], stored=False)
            if isinstance(node.func, ast.Attribute) and node.func.attr == 'copy' and not node.args:
                return self.paths(node.func.value)
            if last_name(node.func) in _COPIES and node.args:
                return self.paths(node.args[0])
        return _NONE

    def _read(self, sections: Paths, key: ast.AST, stored: bool) -> Paths:
        if not sections:
            return _NONE
        key = _unwrapped(key)
        if isinstance(key, ast.Constant) and isinstance(key.value, int):
            return sections  # an entry of a list
        paths = frozenset((*section, _key_of(key) or '*') for section in sections)
        if not stored:
            self.found.keys.update(paths)
        return paths

    def _follow_call(self, node: ast.Call) -> None:
        name = last_name(node.func)
        given: List[Tuple[Optional[int], Optional[str], ast.expr]] = [
            *((index, None, argument) for index, argument in enumerate(node.args)),
            *((None, keyword.arg, keyword.value) for keyword in node.keywords),
        ]
        for index, keyword, argument in given:
            sections = self.paths(argument)
            unpacked = index is None and keyword is None
            # A class looked up by name is built (`LOSS_REGISTRY.get(name)(**opt)`), and may read what it is handed.
            built = isinstance(node.func, ast.Call) and not unpacked
            if not sections or built or (name in _HARMLESS and not unpacked):
                continue
            if name in _ACCESSORS or name in _COPIES:
                continue
            callee = None if unpacked else self._callee(node, name)
            parameter = _parameter(callee, index, keyword, node) if callee else None
            if callee is None or parameter is None or self.reader.depth >= _DEEPEST:
                self.found.whole.update(sections)
            else:
                inner = _Reader(
                    self.reader.tree,
                    self.reader.chain,
                    {
                        **{key: value for key, value in self.names.items() if key.startswith('self.')},
                        parameter: sections,
                    },
                    self.reader.depth + 1,
                )
                self.found.add(inner.read([callee]))

    def _callee(self, node: ast.Call, name: str) -> Optional[Function]:
        if isinstance(node.func, ast.Attribute) and _name_of(node.func.value) == 'self':
            found = self.reader.tree.method(self.reader.chain, name)
            return found[0] if found else None
        definition = self.reader.tree.find(name)
        if definition is None:
            return None
        if isinstance(definition.node, ast.FunctionDef):
            return definition.node
        inner = self.reader.tree.method(self.reader.tree.chain(definition)[0], '__init__')
        return inner[0] if inner else None


def _parameter(function: Function, index: Optional[int], keyword: Optional[str], node: ast.Call) -> Optional[str]:
    names = [argument.arg for argument in [*function.args.args, *function.args.kwonlyargs]]
    if keyword is not None:
        return keyword if keyword in names else None
    if names[:1] in (['self'], ['cls']):
        names = names[1:]
    if index is None or index >= len(names) or any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    return names[index]


def _name_of(node: ast.AST) -> Optional[str]:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == 'self':
        return f'self.{node.attr}'
    return None


def _key_of(node: ast.AST) -> Optional[str]:
    node = _unwrapped(node)
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return ''.join(str(part.value) if isinstance(part, ast.Constant) else '*' for part in node.values)
    return None


def _unwrapped(node: ast.AST) -> ast.AST:
    """Return what Python 3.8 wraps into an ``ast.Index``."""
    return getattr(node, 'value', node) if type(node).__name__ == 'Index' else node


def _fits(pattern: Tuple[str, ...], path: Tuple[str, ...]) -> bool:
    return len(pattern) == len(path) and all(map(_name_fits, pattern, path))


def _name_fits(pattern: str, name: str) -> bool:
    return pattern == name or ('*' in pattern and fnmatch.fnmatchcase(name, pattern))
