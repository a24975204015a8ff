"""Whether a method is BasicSR's own or a fork's: its source, compared with that of BasicSR's releases."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from typing import Any, Callable, Optional

#: The digests of the code of BasicSR's methods; the name of the method is in them.
UPSTREAM = frozenset(
    {
        # SRModel.optimize_parameters: 1.3.0 and 1.3.1 (and before); 1.3.2 to 1.4.2 and master of May 2024.
        '06336852ba35ec87',
        'f7f446844fa17b70',
        # BaseModel.save_training_state: up to 1.3.3.8; 1.3.3.9 and 1.3.3.10; 1.3.3.11 to 1.3.4.2; 1.3.4.3 to 1.4.2 and
        # master of May 2024.
        'edd86aff6e94c37b',
        '1cfadf026e0e5ed1',
        'c48ed1a9a511bdd7',
        '32fcbf516fee9c09',
        # BaseModel.model_ema: 1.4.2.
        '301b461ce60338b1',
    }
)
# Without meaning for what the code does.
_LEFT_OUT = ('ctx', 'kind', 'type_comment')


def is_upstreams(method: Callable[..., Any]) -> bool:
    """Tell whether ``method`` is the code of a release of BasicSR.

    Forks change BasicSR's methods in place, in classes of the same name, and with the names that upstream's code uses
    too (``l_pix * l_pix``), so that neither of them tells. The code does: it is parsed, so that comments, docstring,
    quotes and line breaks do not count. Where there is no source, the method is taken for a fork's; so it is where a
    fork has put a function around upstream's, which would be left out with the method.

    Args:
        method: What stands in a class under the name of one of the methods of ``UPSTREAM``.
    """
    function, around = method, 0
    while hasattr(function, '__wrapped__'):
        around += not _is_of_the_pack(function)
        function = function.__wrapped__
    # Upstream's own decorators are written above its method.
    definition = _definition_of(function)
    return (
        definition is not None
        and definition_digest(definition) in UPSTREAM
        and around <= len(definition.decorator_list)
    )


def _is_of_the_pack(function: Any) -> bool:
    return getattr(function, '__globals__', {}).get('__name__', '').startswith('bsr_plugins.')


def code_digest(function: Callable[..., Any]) -> Optional[str]:
    """Return a digest of the code of ``function``, the same in every Python; None where its source is not to be had."""
    definition = _definition_of(function)
    return None if definition is None else definition_digest(definition)


def definition_digest(definition: ast.FunctionDef) -> str:
    """Return a digest of the code of a function that is parsed; its docstring is taken out of the tree."""
    if ast.get_docstring(definition) is not None:
        definition.body = definition.body[1:]
    return hashlib.sha256(_written(definition).encode()).hexdigest()[:16]


def _definition_of(function: Callable[..., Any]) -> Optional[ast.FunctionDef]:
    """Return the syntax tree of a function; None for what has no ``def``, or no source."""
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, ValueError, SyntaxError):
        return None
    return definition if isinstance(definition, ast.FunctionDef) else None


def _written(node: Any) -> str:
    """Return a syntax tree as text; empty fields are left out, of which newer Pythons have more."""
    if isinstance(node, list):
        return '[' + ','.join(map(_written, node)) + ']'
    if not isinstance(node, ast.AST):
        return repr(node)
    if type(node).__name__ == 'Index':  # around a subscript, until Python 3.8
        return _written(vars(node)['value'])
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    kept = [f'{name}={_written(value)}' for name, value in fields if name not in _LEFT_OUT]
    return f'{type(node).__name__}({",".join(kept)})'
