"""Addition: a training set that gives no batch at all stops the run, which would end as if it were trained."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any, Callable

from bsr_plugins.host.additions.prefetchers import wrap_next


def refuse_empty_training(module: ModuleType) -> bool:
    """Wrap ``next`` of both prefetchers: two epochs without a single batch are refused.

    BasicSR drops the last, partial batch of an epoch; where that is the only one, its loop does nothing, and the run
    saves its random weights and ends with exit code 0. A resumed epoch may have nothing left, one alone.

    Raises (the wrapped function):
        TrainingError: There is nothing to train on.
    """
    return wrap_next(module, _counting, 'counts_batches')


def _counting(upstream_next: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(upstream_next)
    def next_batch(self: Any) -> Any:
        batch = upstream_next(self)
        if batch is not None:
            self.has_given_a_batch = True
        elif not getattr(self, 'has_given_a_batch', False):
            self.empty_epochs = getattr(self, 'empty_epochs', 0) + 1
            if self.empty_epochs > 1:
                _refuse()
        return batch

    return next_batch


def _refuse() -> None:
    from bsr_plugins.common.errors import TrainingError

    raise TrainingError(
        'Not one iteration can be trained: the training set has fewer samples than a batch',
        where='datasets.train.batch_size_per_gpu',
        expected='at least one full batch in an epoch, of all processes together',
        remedy='a larger datasets.train.dataset_enlarge_ratio, or a smaller batch_size_per_gpu',
    )
