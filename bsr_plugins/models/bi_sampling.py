"""Bi-sampling (BSPA, NeurIPS 2023): batches of the inverse data set in inverse stages, the outer loader's otherwise."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Optional

import torch
from basicsr.utils import get_root_logger
from torch.utils.data import Dataset

from bsr_plugins.common.builders import build_dataset
from bsr_plugins.data.sampling.draw_loader import KeyedDraws, draw_loader
from bsr_plugins.data.sampling.dropped_batches import skip_dropped
from bsr_plugins.models.bspa_options import inverse_dataset_options
from bsr_plugins.models.bspa_schedule import BSPASchedule
from bsr_plugins.models.processes import loader_sizes
from bsr_plugins.runs import training_position

#: Key of the inverse half's stream of draws.
INVERSE_STREAM = 1


class BiSampling:
    """Chooses the batch of an iteration. The inverse batch follows from the iteration, seed and rank alone.

    Args:
        opt: BasicSR's options: ``datasets.train`` with its block ``inverse``.
        schedule: Which iterations are inverse ones.

    Raises:
        OptionError: For ``datasets.train.inverse`` that does not fit.
    """

    def __init__(self, opt: Dict[str, Any], schedule: BSPASchedule) -> None:
        self._opt = opt
        self._schedule = schedule
        self._options = inverse_dataset_options(opt['datasets']['train'])
        self._batches: Optional[Iterator[Dict[str, Any]]] = None

    def build(self, script_cuts_batches: bool) -> None:
        """Build the inverse data set, and plan which batches of the outer loader are dropped.

        Args:
            script_cuts_batches: Whether the fork's script makes smaller batches of the loader's itself.
        """
        self._plan_dropped_batches(script_cuts_batches)
        dataset = build_dataset(self._options)
        training_position.note_further_set('inverse', dataset)
        is_keyed = getattr(dataset, 'draws_by_number', False)
        seed = int(torch.initial_seed())
        self._dataset: Dataset = dataset if is_keyed else KeyedDraws(dataset, seed, INVERSE_STREAM)

    def batch(self, outer: Dict[str, Any], done: int) -> Dict[str, Any]:
        """Return the batch of the iteration after ``done``: ``outer``, or one of the inverse data set in its place."""
        if not self._schedule.is_inverse(done + 1):
            return outer
        if self._batches is None:
            self._batches = self._open_stage(done)
        return next(self._batches)

    def close_stage(self) -> None:
        """End an inverse stage."""
        self._batches = None

    def _open_stage(self, done: int) -> Iterator[Dict[str, Any]]:
        batch_size, num_workers = loader_sizes(self._options, self._opt)
        end = done
        while end < self._schedule.total_iter and self._schedule.is_inverse(end + 1):
            end += 1
        return iter(
            draw_loader(
                self._dataset,
                first=self._schedule.inverse_done(done) * batch_size,
                batches=end - done,
                batch_size=batch_size,
                num_workers=num_workers,
                pin_memory=bool(self._opt['datasets']['train'].get('pin_memory')),
            )
        )

    def _plan_dropped_batches(self, script_cuts_batches: bool) -> None:
        if script_cuts_batches:
            get_root_logger().info(
                "BSPA: this fork's script cuts the loader's batches itself, so those of inverse "
                'stages are decoded before they are dropped.'
            )
            return
        position = training_position.position
        position.is_dropped = self._schedule.is_inverse
        position.batch_size, _ = loader_sizes(self._opt['datasets']['train'], self._opt)
        if training_position.train_set() is not None:
            # Now, before BasicSR's prefetcher starts the workers, which take a copy of the data set.
            skip_dropped(training_position.train_set())
