"""Where training stands inside the epoch: written by the patched sampler and by our models, for an exact resume.

BasicSR's training loop hands neither the sampler to the model nor a position to the sampler, so the two meet here.
"""

from __future__ import annotations

import dataclasses
import weakref
from typing import Any, Callable, Dict, Optional, Tuple


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

    def plan_of_epoch(self) -> Optional[Callable[[int], bool]]:
        """Return what tells of a batch of the epoch in progress, from 0, whether it will be dropped; None: none is."""
        is_dropped, first = self.is_dropped, self.first_iteration
        return None if is_dropped is None else lambda batch: is_dropped(first + batch)


@dataclasses.dataclass
class Resumption:
    """What the sampler of a resumed epoch has to leave out, and the random states to put back before it goes on.

    ``is_taken_up``: whether a sampler has done so.
    """

    epoch: int
    samples: int
    random_states: Optional[Dict[str, Any]]
    is_taken_up: bool = False


#: The position of this process; one process trains one model.
position = TrainingPosition()
_resumption: Optional[Resumption] = None
# How far the epochs that the script counts are behind those of the run.
_shift: Optional[int] = None
_recount: Optional[Tuple[int, int]] = None
_data_sets: Dict[str, weakref.ref] = {}
_sampler_length: Optional[int] = None


def note_train_set(dataset: Any, length: Optional[int] = None) -> None:
    """Note the data set of a training sampler that was just made, and its ``length``; it is not kept alive."""
    global _sampler_length, _resumption, _shift
    # Of an earlier run in this process; a run is resumed when its sampler stands.
    _resumption = _shift = None
    _data_sets.clear()
    _data_sets['train'] = weakref.ref(dataset)
    _sampler_length = length


def note_further_set(name: str, dataset: Any) -> None:
    """Note a data set that a model trains with beside it; it is not kept alive."""
    _data_sets[name] = weakref.ref(dataset)


def train_set() -> Any:
    """Return the data set of the newest training sampler, or None where there is none."""
    return data_sets().get('train')


def data_sets() -> Dict[str, Any]:
    """Return name -> data set of all that were noted and are alive."""
    found = {name: reference() for name, reference in _data_sets.items()}
    return {name: dataset for name, dataset in found.items() if dataset is not None}


def sampler_length() -> Optional[int]:
    """Return the samples of this process in an epoch of the newest training sampler; None where there is none."""
    return _sampler_length


def recount(epoch: int, samples: int) -> None:
    """Let the resumption that follows go on at this place, whatever place was saved."""
    global _recount
    _recount = (epoch, samples)


def resume_at(epoch: int, samples: int, random_states: Optional[Dict[str, Any]] = None) -> Resumption:
    """Let the epoch that begins next be ``epoch`` without its first ``samples``; then restore ``random_states``."""
    global _resumption, _recount, _shift
    epoch, samples = _recount if _recount is not None else (epoch, samples)
    _recount = _shift = None
    _resumption = Resumption(epoch, samples, random_states)
    position.epoch, position.samples = epoch, samples
    return _resumption


def epoch_of_run(epoch: int) -> int:
    """Return which epoch of the run begins where a script says ``epoch``.

    The first one after :func:`resume_at` is the one in which the run was, whatever the script calls it: HiT-SR counts
    its epoch before it begins it, so that each resume counts one more.
    """
    global _shift
    if _shift is None:
        _shift = 0 if _resumption is None else _resumption.epoch - epoch
    return epoch + _shift


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
    global _resumption, _shift, _recount, _sampler_length
    _resumption = _shift = _recount = _sampler_length = None
    _data_sets.clear()
    for field in dataclasses.fields(position):
        setattr(position, field.name, field.default)
