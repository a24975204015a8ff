"""The stop itself: a model that cannot be saved between two saves of its script stops all the same."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, List

import pytest

from bsr_plugins.host.additions.stop_at_iteration_end import note_iteration_begin, stop_at_iteration_end
from bsr_plugins.runs import stop_signals


class Base:
    """Stands for BaseModel."""

    opt = {'path': {'training_states': 'states'}, 'train': {'total_iter': 9}}

    def update_learning_rate(self, current_iter: int) -> None:
        pass


class Prefetcher:
    """Stands for CPUPrefetcher."""

    def next(self) -> str:
        return 'batch'


@pytest.fixture
def parts() -> Any:
    base, prefetcher = type('BaseModel', (Base,), dict(vars(Base))), type('P', (), {'next': Prefetcher.next})
    assert note_iteration_begin(SimpleNamespace(BaseModel=base)) is True
    assert note_iteration_begin(SimpleNamespace(BaseModel=base)) is False
    assert stop_at_iteration_end(SimpleNamespace(CPUPrefetcher=prefetcher)) is True
    assert stop_at_iteration_end(SimpleNamespace(CPUPrefetcher=prefetcher)) is False
    return base, prefetcher()


def stop_in_iteration(model: Any, prefetcher: Any, iteration: int) -> stop_signals.Stopped:
    with stop_signals.handling_stop_signals():
        model.update_learning_rate(iteration)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(stop_signals.Stopped) as caught:
            prefetcher.next()
    return caught.value


def test_it_is_saved_and_then_stopped(parts: Any) -> None:
    saved: List[Any] = []
    model = type('Model', (parts[0],), {'save': lambda self, *given, **named: saved.append((given, named))})()
    stop = stop_in_iteration(model, parts[1], 3)
    assert [(given[1], named) for given, named in saved] == [(3, {})]
    assert stop.state == os.path.join('states', '3.state') and stop.exit_code == 143


@pytest.mark.parametrize('error', [KeyError('best_metric'), TypeError("missing 1 required argument: 'best'")])
def test_a_save_that_wants_more_is_said_and_the_exit_code_stays(
    parts: Any, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def save(self: Any, epoch: int, current_iter: int) -> None:
        raise error

    logger = logging.getLogger('basicsr')
    logger.addHandler(caplog.handler)
    try:
        stop = stop_in_iteration(type('Model', (parts[0],), {'save': save})(), parts[1], 3)
    finally:
        logger.removeHandler(caplog.handler)
    assert stop.state is None and stop.exit_code == 143
    assert 'what was trained since the last saved state is lost' in str(stop)
    said = f'Model cannot be saved at iteration 3, between two saves of its script: {type(error).__name__}'
    assert said in caplog.text


def test_outside_a_command_of_the_pack_nothing_happens(parts: Any, tmp_path: Path) -> None:
    model = parts[0]()
    model.update_learning_rate(3)
    assert parts[1].next() == 'batch'
