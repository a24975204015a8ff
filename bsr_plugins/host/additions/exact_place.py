"""Addition: the sampler keeps the exact place in the epoch, and gives draw numbers to data sets that draw by number.

Upstream starts a resumed epoch over at its first sample, and its indices say nothing of the epoch, so that a data set
cannot make every draw of a run a different one. No thread upstream; the code is basicsr/data/data_sampler.py, and
https://github.com/XPixelGroup/BasicSR/issues/306 tells what an epoch means there.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Iterator, Sequence

from bsr_plugins.runs import training_position


def keep_exact_place(module: ModuleType) -> bool:
    """Patch ``EnlargedSampler`` in place, so that scripts that imported it by name get the patched one too.

    - A data set with a true ``draws_by_number`` is given the draw numbers ``epoch * num_samples + i`` instead of
      shuffled indices: each is drawn once in a run, by each rank in its own stream (the rank is part of its key).
    - Every other data set gets upstream's order unchanged.
    - A resumed epoch leaves out what the run had consumed, and puts the random states back right before its first
      sample is fetched: behind the seed that torch's loader iterator takes from the global generator.
    - Indices of batches that a model has planned to drop are marked, so that nothing is decoded for them.
    - A data set with ``on_epoch_start(epoch)`` is told of each epoch.

    Returns:
        True where the class was patched, False where it already was.
    """
    from bsr_plugins.data.sampling.dropped_batches import marked_where_dropped

    sampler_class = module.EnlargedSampler
    if getattr(sampler_class, 'patched_by_bsr_plugins', False):
        return False
    upstream_init, upstream_iter = sampler_class.__init__, sampler_class.__iter__
    upstream_set_epoch = sampler_class.set_epoch

    def __init__(self: Any, dataset: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        upstream_init(self, dataset, *args, **kwargs)
        training_position.note_train_set(dataset, self.num_samples)

    def __iter__(self: Any) -> Iterator[int]:  # noqa: N807
        if getattr(self.dataset, 'draws_by_number', False):
            first = self.epoch * self.num_samples
            indices: Sequence[int] = range(first, first + self.num_samples)
        else:
            indices = list(upstream_iter(self))
        position, resumption = training_position.position, training_position.resumption_of(self.epoch)
        plan, start = position.plan_of_epoch(), 0 if resumption is None else resumption.samples
        rest = (
            iter(indices[start:] if start else indices)
            if plan is None
            else marked_where_dropped(indices, position.batch_size, plan, start)
        )
        return rest if resumption is None else _resumed(rest, resumption)

    def set_epoch(self: Any, epoch: int) -> None:
        epoch = training_position.epoch_of_run(epoch)
        upstream_set_epoch(self, epoch)
        training_position.start_epoch(epoch, self.num_samples)
        on_epoch_start = getattr(self.dataset, 'on_epoch_start', None)
        if on_epoch_start is not None:
            on_epoch_start(epoch)

    sampler_class.__init__, sampler_class.__iter__ = __init__, __iter__
    sampler_class.set_epoch = set_epoch
    sampler_class.patched_by_bsr_plugins = True
    return True


def _resumed(rest: Iterator[int], resumption: training_position.Resumption) -> Iterator[int]:
    # A generator: its body first runs when the loader asks for the first index, after the loader iterator was made.
    resumption.is_taken_up = True
    if resumption.random_states is not None:
        from bsr_plugins.runs.random_states import restore_random_states

        restore_random_states(resumption.random_states)
    yield from rest
