"""Data-loading workers that leave stop signals to the training process, which ends them when it has saved.

A terminal or a scheduler sends its signal to every process. A worker that died of it would be an error in the training
process, in the middle of the iteration that was to be ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import Any, Iterator, Tuple

_KEY = 'bsr_plugins_stop_signals'
_active = False
_hooked = False


@contextlib.contextmanager
def workers_that_ignore_stop_signals() -> Iterator[None]:
    """Within this block every process that multiprocessing starts, by fork or by spawn, ignores stop signals."""
    global _active, _hooked
    from multiprocessing import process

    if not _hooked and hasattr(os, 'register_at_fork'):
        os.register_at_fork(after_in_child=_after_fork)
        _hooked = True
    # Children that are spawned unpickle a copy of this dict before anything of the data set; it is in Python 3.4-3.14.
    config = getattr(process.current_process(), '_config', {})
    config[_KEY] = _IgnoresWhenUnpickled()
    _active = True
    try:
        yield
    finally:
        _active = False
        config.pop(_KEY, None)


def ignore_stop_signals() -> None:
    """Let this process ignore SIGINT and SIGHUP, and SIGTERM unless its parent sends it, as multiprocessing does.

    Where Python cannot tell who sends a signal (macOS, Windows), SIGTERM keeps its effect.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, 'SIGHUP'):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if hasattr(signal, 'sigwaitinfo'):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_obey_parent, name='bsr_plugins signals', daemon=True).start()


class _IgnoresWhenUnpickled:
    """Unpickling it, which a spawned child does, makes that child ignore stop signals."""

    def __reduce__(self) -> Tuple[Any, ...]:
        return _ignore_in_child, ()


def _ignore_in_child() -> _IgnoresWhenUnpickled:
    ignore_stop_signals()
    return _IgnoresWhenUnpickled()


def _after_fork() -> None:
    if _active:
        ignore_stop_signals()


def _obey_parent() -> None:
    from multiprocessing import parent_process

    while True:
        sender = signal.sigwaitinfo({signal.SIGTERM}).si_pid
        # Under the start method forkserver the process that ends a worker is not the one that forked it.
        started_by = parent_process()
        if sender == os.getppid() or (started_by is not None and sender == started_by.pid):
            os._exit(0)
