"""A training set that gives no batch at all is refused; one epoch that has nothing left is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Iterator, List

import pytest

from bsr_plugins.common.errors import TrainingError
from bsr_plugins.host.additions.no_batches import refuse_empty_training


def prefetcher(batches: List[Any]) -> Any:
    given: Iterator[Any] = iter(batches)
    kind = type('CPUPrefetcher', (), {'next': lambda self: next(given)})
    module = SimpleNamespace(CPUPrefetcher=kind)
    assert refuse_empty_training(module)
    assert not refuse_empty_training(module)
    return kind()


def test_two_empty_epochs_are_refused() -> None:
    source = prefetcher([None, None])
    assert source.next() is None
    with pytest.raises(TrainingError, match='Not one iteration can be trained'):
        source.next()


def test_epochs_that_end_are_let_be() -> None:
    source = prefetcher([None, 'a batch', None, None, None])
    assert [source.next() for _ in range(5)] == [None, 'a batch', None, None, None]
