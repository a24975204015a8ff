"""Where training stands inside the epoch: written by the mended sampler and by our models, needed for an exact resume.

BasicSR's training loop hands neither the sampler to the model nor a position to the sampler, so the two meet here.
"""
from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional


@dataclasses.dataclass
class TrainingPosition:
    """The epoch in progress and how many samples of it this process has been trained on (dropped batches included)."""

    epoch: int = 0
    samples: int = 0
    samples_per_epoch: Optional[int] = None


@dataclasses.dataclass(frozen=True)
class Resumption:
    """What the sampler of a resumed epoch has to leave out, and the random states to put back before it goes on."""

    epoch: int
    samples: int
    random_states: Optional[Dict[str, Any]]


#: The position of this process; one process trains one model.
position = TrainingPosition()
_resumption: Optional[Resumption] = None


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


def resumption_of(epoch: int) -> Optional[Resumption]:
    """Return what a pass over ``epoch`` has to leave out, or None where it starts from its beginning."""
    return _resumption if _resumption is not None and _resumption.epoch == epoch else None


def reset() -> None:
    """Forget position and resumption (a second training run in one process)."""
    global _resumption
    _resumption = None
    position.epoch, position.samples, position.samples_per_epoch = 0, 0, None
