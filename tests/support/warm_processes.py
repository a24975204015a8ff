"""Processes that are ready at once: forked from a server that has imported torch and BasicSR.

They are sent what they work with as spawned ones are, so what does not pickle, or leans on its parent, fails in them.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import sys
import traceback
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Callable

REPO = Path(__file__).resolve().parents[2]


def start(function: Callable[..., Any], folder: Path, *arguments: Any) -> BaseProcess:
    """Call ``function(*arguments)`` in a new process, in ``folder``; what it prints goes to output.txt there."""
    process = context().Process(target=_run, args=(function, str(folder), arguments))
    process.start()
    return process


def context() -> Any:
    """Return the context of such processes, for a data loader, a pool, a queue."""
    found = multiprocessing.get_context('forkserver')
    found.set_forkserver_preload(['warm_processes_preload'])
    # The server imports by this, before it is told anything else.
    paths = os.pathsep.join([str(REPO), str(Path(__file__).parent)])
    before = os.environ.get('PYTHONPATH')
    os.environ['PYTHONPATH'] = paths
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        os.environ.pop('PYTHONPATH') if before is None else os.environ.update(PYTHONPATH=before)
    return found


def finish(function: Callable[..., Any], folder: Path, *arguments: Any) -> None:
    """Call it as :func:`start` does, and wait until it is through."""
    process = start(function, folder, *arguments)
    process.join(120)
    assert process.exitcode == 0, (folder / 'output.txt').read_text()


def kill(process: BaseProcess, after: float) -> bool:
    """Kill -9 a process ``after`` seconds; False where it had ended by then."""
    process.join(after)
    ended = process.exitcode is not None
    if not ended:
        process.kill()
        process.join(30)
    return not ended


def _run(function: Callable[..., Any], folder: str, arguments: Any) -> None:
    # Not the server's, for what this process starts in its turn.
    multiprocessing.set_start_method('fork', force=True)
    os.chdir(folder)
    output = os.open('output.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        code = function(*arguments)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)
