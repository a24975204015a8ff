"""What a constructor or a metric takes, read from its source: parameters, literal defaults, any other keyword."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Set

from bsr_plugins.checks.source_tree import Definition, Function, SourceTree, last_name

#: The default of a parameter that has to be given, and one that is no literal.
REQUIRED, COMPUTED = object(), object()


@dataclass
class Signature:
    """Parameters of a constructor or function.

    Attributes:
        defaults: Name -> default; ``REQUIRED`` where there is none, ``COMPUTED`` where it is no literal.
        is_open: Whether any other keyword is taken too and may be read.
        swallows: Whether any other keyword is taken and none of them is read: a misspelt one goes unnoticed.
    """

    defaults: Dict[str, Any] = field(default_factory=dict)
    is_open: bool = False
    swallows: bool = False


def signature_of(tree: SourceTree, definition: Definition, given: int = 0) -> Optional[Signature]:
    """Return the signature of a class's constructor or of a function; None where it cannot be known.

    A class without ``__init__`` has that of its nearest base. Keywords (``**kwargs``) that go on to the base's
    constructor are those of the base.

    Args:
        tree: Where bases are looked up.
        definition: The class or function.
        given: How many leading parameters (after ``self``) are given by the caller, not by the options.
    """
    if isinstance(definition.node, ast.FunctionDef):
        return _of_function(definition.node, given)
    chain, complete = tree.chain(definition)
    return _of_chain(tree, chain, complete, given)


def _of_chain(tree: SourceTree, chain: Sequence[Definition], complete: bool, given: int) -> Optional[Signature]:
    found = tree.method(chain, '__init__')
    if found is None:
        return Signature() if complete else None
    function, owner = found
    signature = _of_function(function, given + 1)
    bases = list(chain)[list(chain).index(owner) + 1 :]
    if signature.is_open and _goes_only_to_base(function):
        base = _of_chain(tree, bases, complete, given)
        if base is not None:
            signature.is_open, signature.swallows = base.is_open, base.swallows
            for name, default in base.defaults.items():
                signature.defaults.setdefault(name, COMPUTED if default is REQUIRED else default)
    return signature


def _of_function(function: Function, given: int) -> Signature:
    arguments = function.args
    positional = [*getattr(arguments, 'posonlyargs', []), *arguments.args]
    values: List[Any] = [REQUIRED] * (len(positional) - len(arguments.defaults)) + [
        _literal(node) for node in arguments.defaults
    ]
    defaults = {argument.arg: value for argument, value in list(zip(positional, values))[given:]}
    for argument, node in zip(arguments.kwonlyargs, arguments.kw_defaults):
        defaults[argument.arg] = REQUIRED if node is None else _literal(node)
    signature = Signature(defaults)
    if arguments.kwarg is not None:
        name = arguments.kwarg.arg
        used = _uses(function, name)
        signature.is_open, signature.swallows = bool(used), not used
        keys = _keys_read(function, name)
        if used and len(keys) == len(used):  # nothing but kwargs['key'] and kwargs.get('key')
            signature.is_open, signature.swallows = False, True
            for key in (key for key in keys if key):
                defaults.setdefault(key, COMPUTED)
    return signature


def _literal(node: ast.AST) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return COMPUTED


def _uses(function: Function, name: str) -> List[ast.Name]:
    return [node for part in function.body for node in ast.walk(part) if isinstance(node, ast.Name) and node.id == name]


def _keys_read(function: Function, name: str) -> List[str]:
    keys = []
    for part in function.body:
        for node in ast.walk(part):
            if isinstance(node, ast.Subscript) and last_name(node.value) == name:
                key = getattr(node.slice, 'value', None)
                keys.append(str(getattr(key, 'value', key)))
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.args
                and node.func.attr in ('get', 'pop')
                and last_name(node.func.value) == name
                and isinstance(node.args[0], ast.Constant)
            ):
                keys.append(str(node.args[0].value))
    return keys


def _goes_only_to_base(function: Function) -> bool:
    """Return whether ``**kwargs`` is used once, as ``super().__init__(**kwargs)``."""
    name = function.args.kwarg.arg if function.args.kwarg else ''
    handed: Set[int] = set()
    for part in function.body:
        for node in ast.walk(part):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == '__init__':
                handed.update(id(keyword.value) for keyword in node.keywords if keyword.arg is None)
    used = _uses(function, name)
    return bool(used) and all(id(node) in handed for node in used)
