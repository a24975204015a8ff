"""Lets pickle find the functions of a script that runs inside this process, where ``__main__`` is another module.

multiprocessing sends a function of the main script as ``__main__.NAME``. The module ``__main__`` is the ``basicsr``
command here: spawned workers run that one again, and not the bare script without the pack. So the names that it lacks
are looked up in the script's namespace, by a module ``__getattr__`` (PEP 562).
"""

from __future__ import annotations

import ast
import contextlib
import runpy
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional, Set

_script: Optional[Path] = None


def script_in_use() -> Optional[Path]:
    """Return the script that runs in this process, None where none does."""
    return _script


@contextlib.contextmanager
def exposed_in_main(script: Path, namespace: Dict[str, Any]) -> Iterator[None]:
    """Let ``__main__`` answer with the names of ``namespace``, those of ``script`` as it runs, inside the block."""
    global _script
    main = sys.modules['__main__']
    _script = script
    main.__getattr__ = _look_up_in(lambda: namespace)  # type: ignore[method-assign]
    try:
        yield
    finally:
        _script = None
        del main.__getattr__


def expose_in_spawned_main(script: Path) -> None:
    """Let ``__main__`` of a spawned process answer with the functions and classes of ``script``.

    The script is run for it, as ``__mp_main__``, when the first of them is asked for; most workers need none.
    """
    global _script
    _script = script
    loaded: Dict[str, Any] = {}

    def namespace() -> Dict[str, Any]:
        if not loaded:
            loaded.update(runpy.run_path(str(script), run_name='__mp_main__'))
        return loaded

    names = _defined_in(script)
    look_up = _look_up_in(namespace)
    sys.modules['__main__'].__getattr__ = lambda name: (  # type: ignore[method-assign]
        look_up(name) if name in names else _raise_missing(name)
    )


def _look_up_in(namespace: Callable[[], Dict[str, Any]]) -> Callable[[str], Any]:
    def look_up(name: str) -> Any:
        found = {} if name.startswith('__') else namespace()
        return found[name] if name in found else _raise_missing(name)

    return look_up


def _raise_missing(name: str) -> Any:
    raise AttributeError(f"module '__main__' has no attribute '{name}'")


def _defined_in(script: Path) -> Set[str]:
    tree = ast.parse(script.read_bytes())
    return {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
