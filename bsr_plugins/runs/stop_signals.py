"""Signals that stop a training: asked once, the run saves at the end of its iteration and stops; twice, at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import weakref
from types import FrameType
from typing import Any, Dict, Iterator, Optional

from bsr_plugins.common.processes import is_first_process
from bsr_plugins.runs.worker_signals import workers_that_ignore_stop_signals

#: Launchers pass on a signal that the terminal or the scheduler has sent to every process already: two signals within
#: this time count as one.
SAME_REQUEST_SECONDS = 1.0
#: Ctrl-C; a scheduler; a terminal that is closed, an ssh connection that breaks (there is none on Windows).
SIGNALS = tuple(getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGHUP') if hasattr(signal, name))


class Stopped(BaseException):
    """Training ended because a signal asked for it.

    Attributes:
        signum: The signal.
        state: The training state saved for it; None where none was.
    """

    def __init__(self, signum: int, state: Optional[str] = None) -> None:
        super().__init__(signum, state)
        self.signum = signum
        self.state = state

    @property
    def exit_code(self) -> int:
        """Return 128 + the signal's number: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + self.signum

    def __str__(self) -> str:
        name = signal.Signals(self.signum).name
        if self.state is None:
            return f'stopped by {name}; what was trained since the last saved state is lost'
        return f'stopped by {name}; weights and state are saved, resume with --auto_resume: {self.state}'


class _Training:
    """What is known of the training in this process: BasicSR's loop tells nobody, so its calls are watched."""

    def __init__(self) -> None:
        self.are_handled = False
        self.pid = 0
        self.requested: Optional[int] = None
        self.requested_at = 0.0
        self.model: Optional[weakref.ref] = None
        self.iteration = 0
        self.in_iteration = False
        self.last_iteration: Optional[int] = None

    @property
    def has_iterations_left(self) -> bool:
        """Whether an end of an iteration is still to come."""
        return self.model is not None and (
            self.in_iteration or self.last_iteration is None or self.iteration < self.last_iteration
        )


_training = _Training()


@contextlib.contextmanager
def handling_stop_signals() -> Iterator[None]:
    """Within this block :data:`SIGNALS` ask the training to stop, and workers of this process leave them to it.

    The first one takes effect at the end of the iteration, after a round of attribution or a validation in progress;
    the patched prefetcher then saves and raises :class:`Stopped`. A second one, or the first while nothing is being
    trained yet, takes effect at once: KeyboardInterrupt or :class:`Stopped`. The handler itself notes what is asked
    for and does nothing that could fail: the terminal it would write to may be what has gone.

    SIGHUP stays ignored where it is, as under nohup. Outside the main thread, where Python allows no handlers,
    nothing changes.
    """
    global _training
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    outer, _training = _training, _Training()
    _training.are_handled, _training.pid = True, os.getpid()
    heeded = [number for number in SIGNALS if not _is_left_alone(number)]
    before: Dict[int, Any] = {number: signal.signal(number, _handle) for number in heeded}
    try:
        with workers_that_ignore_stop_signals():
            yield
    finally:
        for number, handler in before.items():
            # None: it was set by C code, and Python cannot put that back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        _training = outer


def are_handled() -> bool:
    """Return whether stop signals are handled in this process."""
    return _training.are_handled


def requested() -> int:
    """Return the signal that has asked this process to stop; 0 where none has."""
    return _training.requested or 0


def begin_iteration(model: Any, iteration: int, last_iteration: Optional[int]) -> None:
    """Note that ``model`` begins ``iteration``; ``last_iteration`` ends its training (None: not known)."""
    _training.model = weakref.ref(model)
    _training.iteration, _training.last_iteration, _training.in_iteration = iteration, last_iteration, True


def end_iteration() -> Optional[Any]:
    """Note that the iteration is over, and return its model; None where none had begun."""
    if not (_training.in_iteration and _training.model is not None):
        return None
    _training.in_iteration = False
    return _training.model()


def announce(signum: int) -> None:
    """Say on stderr, on the first process alone, that the run is about to save and stop; where that fails, nothing."""
    if is_first_process() and sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(
                f'\nbasicsr: {signal.Signals(signum).name}: saving, then stopping; a second signal stops at once\n'
            )
            sys.stderr.flush()


def iteration() -> int:
    """Return the iteration noted last."""
    return _training.iteration


def _is_left_alone(number: int) -> bool:
    return number not in (signal.SIGINT, signal.SIGTERM) and signal.getsignal(number) == signal.SIG_IGN


def _handle(signum: int, frame: Optional[FrameType]) -> None:
    if os.getpid() != _training.pid:
        # A forked child that is no worker of ours.
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)
        return
    now = time.monotonic()
    if _training.has_iterations_left and _training.requested is None:
        _training.requested, _training.requested_at = signum, now
    elif not _training.has_iterations_left or now - _training.requested_at >= SAME_REQUEST_SECONDS:
        if signum == signal.SIGINT:
            raise KeyboardInterrupt
        raise Stopped(signum)
