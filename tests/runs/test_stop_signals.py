"""When a signal asks, and when it stops at once."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, List

import pytest

from bsr_plugins.runs import stop_signals


class Model:
    """Stands for a model in training."""


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def test_in_training_it_asks_and_elsewhere_it_stops() -> None:
    model = Model()
    with stop_signals.handling_stop_signals():
        assert stop_signals.are_handled() and stop_signals.end_iteration() is None
        with pytest.raises(stop_signals.Stopped) as before:
            send(signal.SIGTERM)
        stop_signals.begin_iteration(model, 5, 9)
        send(signal.SIGTERM)
        assert stop_signals.requested() == signal.SIGTERM and stop_signals.iteration() == 5
        assert stop_signals.end_iteration() is model
        # The script fetches the next batch, and may call twice.
        assert stop_signals.end_iteration() is None
    assert before.value.exit_code == 143
    assert not stop_signals.are_handled()


def test_behind_the_last_iteration_there_is_nothing_to_wait_for() -> None:
    model = Model()
    with stop_signals.handling_stop_signals():
        stop_signals.begin_iteration(model, 9, 9)
        stop_signals.end_iteration()
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        stop_signals.begin_iteration(model, 9, None)
        stop_signals.end_iteration()
        send(signal.SIGINT)
        assert stop_signals.requested() == signal.SIGINT


def test_handlers_are_put_back_also_when_stopped() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(stop_signals.Stopped), stop_signals.handling_stop_signals():
        send(signal.SIGTERM)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_outside_the_main_thread_nothing_changes() -> None:
    found: List[Any] = []

    def run() -> None:
        with stop_signals.handling_stop_signals():
            found.append(stop_signals.are_handled())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [False]


@pytest.mark.skipif(not hasattr(signal, 'sigwaitinfo'), reason='who sends a signal cannot be told here')
def test_a_forked_child_leaves_signals_to_its_parent_and_dies_when_that_ends_it() -> None:
    reader, writer = os.pipe()
    with stop_signals.handling_stop_signals():
        child = os.fork()
        if child == 0:
            os.write(writer, b'x')
            signal.pause()
            os._exit(9)
    os.read(reader, 1)
    os.kill(child, signal.SIGINT)
    # By another process than the parent: ignored. By the parent: obeyed, with exit code 0.
    sender = os.fork()
    if sender == 0:
        os.kill(child, signal.SIGTERM)
        os._exit(0)
    os.waitpid(sender, 0)
    assert os.waitpid(child, os.WNOHANG) == (0, 0)
    os.kill(child, signal.SIGTERM)
    assert os.waitpid(child, 0) == (child, 0)
    os.close(reader)
    os.close(writer)
