"""SIGTERM and Ctrl-C in training: asked once, the run saves at the end of its iteration and stops; twice, at once."""

from __future__ import annotations

import contextlib
import os
import signal
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
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
        """Return 128 + the signal's number: 130 for Ctrl-C, 143 for SIGTERM."""
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
    """Within this block SIGTERM and SIGINT ask the training to stop, and workers of this process leave them to it.

    The first one takes effect at the end of the iteration, after a round of attribution or a validation in progress;
    the patched prefetcher then saves and raises :class:`Stopped`. A second one, or the first while nothing is being
    trained yet, takes effect at once: KeyboardInterrupt or :class:`Stopped`.

    Outside the main thread, where Python allows no handlers, nothing changes.
    """
    global _training
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    outer, _training = _training, _Training()
    _training.are_handled, _training.pid = True, os.getpid()
    before: Dict[int, Any] = {number: signal.signal(number, _handle) for number in _SIGNALS}
    try:
        with workers_that_ignore_stop_signals():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
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


def iteration() -> int:
    """Return the iteration noted last."""
    return _training.iteration


def _handle(signum: int, frame: Optional[FrameType]) -> None:
    if os.getpid() != _training.pid:
        # A forked child that is no worker of ours.
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)
        return
    now = time.monotonic()
    if _training.has_iterations_left and _training.requested is None:
        _training.requested, _training.requested_at = signum, now
        _print(
            f'{signal.Signals(signum).name}: saving at the end of the iteration, then stopping; a second signal stops '
            'at once'
        )
    elif not _training.has_iterations_left or now - _training.requested_at >= SAME_REQUEST_SECONDS:
        if signum == signal.SIGINT:
            raise KeyboardInterrupt
        raise Stopped(signum)


def _print(text: str) -> None:
    # A handler may interrupt a write to sys.stderr, which must not be entered twice.
    if is_first_process():
        os.write(2, f'\nbasicsr: {text}\n'.encode())
