"""Functions that import their target when they are called."""

from __future__ import annotations

import importlib
from typing import Any, Callable


def lazy_call(name: str, target: str) -> Callable[..., Any]:
    """Return a function called ``name`` that imports ``target`` (``'module:Class'``) when called, and then calls it.

    The function carries ``target`` as an attribute, by which it is known again.
    """
    module_name, _, attribute = target.partition(':')

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module_name), attribute)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f'Imports {module_name} and returns {attribute}(*args, **kwargs).'
    call.target = target  # type: ignore[attr-defined]
    return call


def is_lazy_call(candidate: Any) -> bool:
    """Return whether ``candidate`` came from :func:`lazy_call`, of this import of the file or an earlier one."""
    return getattr(candidate, '__module__', None) == __name__ and hasattr(candidate, 'target')
