"""The import path of the ``basicsr`` command: what lies in the working directory is looked at, not run.

``python -m`` puts the working directory before everything else, and so does an empty entry or a dot in PYTHONPATH: a
``json.py`` or ``torch.py`` there would run in the place of the real one. This module comes before any other, so it
imports what the interpreter itself has imported at its start.
"""

from __future__ import annotations

import os
import sys

# They run the code in the working directory, by the path that its own scripts are run with.
_RUNNING = ('train', 'test', 'run')
_PROGRAMS = ('basicsr', 'basicsr.exe', 'basicsr-script.py')


def leave_out_working_directory() -> None:
    """Take the working directory off ``sys.path`` where this process is the pack's own command.

    It is taken off where ``python -m`` has put it, and, for commands that run nothing there, wherever it stands. Where
    the pack itself lies there (a checkout that is not installed) it goes to the end.
    """
    by_module = _is_run_as_module()
    if not by_module and os.path.basename(sys.argv[0] if sys.argv else '') not in _PROGRAMS:
        return
    try:
        here = os.path.realpath(os.getcwd())
    except OSError:
        return
    words = [word for word in sys.argv[1:] if not word.startswith('-')]
    if words and words[0] in _RUNNING:
        first = 1 if by_module and sys.path and leads_to(sys.path[0], here) else 0
        sys.path[:] = sys.path[first:]
        left_out = bool(first)
    else:
        left_out = any(leads_to(entry, here) for entry in sys.path)
        sys.path[:] = without(sys.path, here)
    if left_out and leads_to(_home(), here):
        sys.path.append(here)


def without(path: list[str], folder: str) -> list[str]:
    """Return the entries of an import path that do not lead to ``folder``."""
    return [entry for entry in path if not leads_to(entry, folder)]


def leads_to(entry: str, folder: str) -> bool:
    """Return whether an entry of an import path is ``folder``; the empty one is the working directory."""
    try:
        return os.path.realpath(entry or os.curdir) == os.path.realpath(folder)
    except (OSError, ValueError):
        return False


def _home() -> str:
    """Return the folder in which the pack lies."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _is_run_as_module() -> bool:
    """Return whether the interpreter is at ``python -m bsr_plugins``, as the runner of modules knows it."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get('__name__') == 'runpy':
            name = frame.f_locals.get('mod_name')
            if isinstance(name, str):
                return name.partition('.')[0] == 'bsr_plugins'
        frame = frame.f_back  # type: ignore[assignment]
    return False
