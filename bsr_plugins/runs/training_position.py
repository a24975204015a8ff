"""Where training stands inside the epoch: written by the patched sampler and by our models, for an exact resume.

BasicSR's training loop hands neither the sampler to the model nor a position to the sampler, so the two meet here.
"""

from __future__ import annotations

import dataclasses
import weakref
from typing import Any, Callable, Dict, Optional


@dataclasses.dataclass
class TrainingPosition:
    """Where this process is.

    Attributes:
        epoch: The epoch in progress.
        samples: How many samples of it were consumed (dropped batches included).
        samples_per_epoch: Length of the sampler; None before the first epoch.
        iteration: The last iteration that is done.
        is_dropped: Tells of an iteration whether its batch of the outer loader will be dropped; None where none is.
        batch_size: Samples of this process in a batch, as ``is_dropped`` counts them.
        first_iteration: The iteration that the epoch in progress began with.
    """

    epoch: int = 0
    samples: int = 0
    samples_per_epoch: Optional[int] = None
    iteration: int = 0
    is_dropped: Optional[Callable[[int], bool]] = None
    batch_size: int = 1
    first_iteration: int = 1

    def known_samples(self) -> Optional[int]:
        """Return ``samples``; None where no sampler has reported an epoch to which they could belong."""
        return None if self.samples_per_epoch is None else self.samples

    def drops_sample(self, index: int) -> bool:
        """Tell whether the sample at place ``index`` of the epoch in progress will be dropped."""
        return self.is_dropped is not None and self.is_dropped(self.first_iteration + index // self.batch_size)


@dataclasses.dataclass(frozen=True)
class Resumption:
    """What the sampler of a resumed epoch has to leave out, and the random states to put back before it goes on."""

    epoch: int
    samples: int
    random_states: Optional[Dict[str, Any]]


#: The position of this process; one process trains one model.
position = TrainingPosition()
_resumption: Optional[Resumption] = None
_train_set: Optional[weakref.ref] = None


def note_train_set(dataset: Any) -> None:
    """Note the data set of a training sampler that was just made; it is not kept alive."""
    global _train_set
    _train_set = weakref.ref(dataset)


def train_set() -> Any:
    """Return the data set of the newest training sampler, or None where there is none."""
    return _train_set() if _train_set is not None else None


def resume_at(epoch: int, samples: int, random_states: Optional[Dict[str, Any]] = None) -> None:
    """Let the next pass over ``epoch`` leave out its first ``samples`` samples and then restore ``random_states``."""
    global _resumption
    _resumption = Resumption(epoch, samples, random_states)
    position.epoch, position.samples = epoch, samples


def start_epoch(epoch: int, samples_per_epoch: int) -> None:
    """Note that the sampler was set to ``epoch``; a resumption of another epoch is over by then."""
    global _resumption
    if _resumption is not None and _resumption.epoch != epoch:
        _resumption = None
    position.epoch = epoch
    position.samples = _resumption.samples if _resumption is not None else 0
    position.samples_per_epoch = samples_per_epoch
    position.first_iteration = position.iteration + 1 - position.samples // position.batch_size


def resumption_of(epoch: int) -> Optional[Resumption]:
    """Return what a pass over ``epoch`` has to leave out, or None where it starts from its beginning."""
    return _resumption if _resumption is not None and _resumption.epoch == epoch else None


def reset() -> None:
    """Forget position and resumption (a second training run in one process)."""
    global _resumption
    _resumption = None
    for field in dataclasses.fields(position):
        setattr(position, field.name, field.default)
