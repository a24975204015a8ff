"""What a training script passes to ``model.save`` besides epoch and iteration, read from its source and variables.

BasicSR's ``save`` takes epoch and iteration, and nothing here is needed for it. Retinexformer's script passes
``best_metric=best_metric``, without which its state cannot be resumed from; that is a local variable of the script, and
the script runs unchanged. So where a model's ``save`` takes more (:func:`save_takes_more`), and nowhere else, the
script's source and its variables are read.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import FrameType
from typing import Any, Dict, List, NamedTuple, Optional

_LEADING = ('epoch', 'current_iter')
_PACK = __name__.split('.')[0]


class SaveArguments(NamedTuple):
    """Arguments of ``save`` behind the two that every one takes."""

    positional: List[Any]
    named: Dict[str, Any]


def save_takes_more(model: type) -> bool:
    """Return whether ``save`` of a class of models takes something besides epoch and iteration.

    The pack's models pass on whatever they are given: the class below them tells.
    """
    owners = (base for base in model.__mro__ if 'save' in vars(base) and base.__module__.split('.')[0] != _PACK)
    method = vars(next(owners))['save']
    return len(inspect.signature(method).parameters) > 1 + len(_LEADING)


def further_save_arguments(frame: FrameType) -> Optional[SaveArguments]:
    """Return what the script running in ``frame`` would pass to ``save`` now, besides epoch and iteration.

    Nothing where the script has no such call, or none that can be seen. The call behind the last iteration, whose epoch
    is a constant, is another one.

    Returns:
        None where there is a call with something other than variables of the script and constants.
    """
    call = _call_of_save(Path(frame.f_code.co_filename))
    if call is None:
        return SaveArguments([], {})
    variables = {**frame.f_globals, **frame.f_locals}
    positional = call.args[len(_LEADING) :]
    named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg not in _LEADING}
    if not all(_is_known(node, variables) for node in [*positional, *named.values()]) or None in named:
        return None
    return SaveArguments(
        [_value(node, variables) for node in positional],
        {str(name): _value(node, variables) for name, node in named.items()},
    )


def _call_of_save(script: Path) -> Optional[ast.Call]:
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == 'save'
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == 'model'
    ]
    return next((call for call in calls if _epoch_is_a_variable(call)), None)


def _epoch_is_a_variable(call: ast.Call) -> bool:
    given = call.args[0] if call.args else next((each.value for each in call.keywords if each.arg == _LEADING[0]), None)
    return isinstance(given, ast.Name)


def _is_known(node: ast.expr, variables: Dict[str, Any]) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in variables)


def _value(node: ast.expr, variables: Dict[str, Any]) -> Any:
    return variables[node.id] if isinstance(node, ast.Name) else getattr(node, 'value', None)
