"""What a model of the pack is made of: parts, each asked by the model at the moments that :class:`Part` names."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator, Mapping, Optional

from bsr_plugins.common.errors import BsrPluginsError
from bsr_plugins.runs.state_structure import malformed

#: Key of a BasicSR training state under which the pack keeps its own; stock BasicSR ignores it.
STATE_KEY = 'bsr_plugins'


class Part:
    """One thing that the pack adds to a model. It is held by the model, and overrides nothing of it.

    A part defines the moments that it needs. In training they come in this order: ``prepare`` and ``build`` once;
    ``training_batch``, ``fed``, ``before_step``, ``after_step`` and ``log`` in each iteration;
    ``before_validation_log`` in each validation; ``state`` at each save; ``load_state`` once, after ``build``, where a
    run is resumed.

    Args:
        model: The model that holds it: :class:`bsr_plugins.models.rebalanced_sr_model.RebalancedTraining` over a model
            of BasicSR's kind. Its ``opt`` is a copy of its own.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def prepare(self) -> None:
        """Check the options, before the base builds its losses, optimizers and schedulers."""

    def build(self) -> None:
        """Build what training needs; what the base builds stands by now."""

    def training_batch(self, batch: Dict[str, Any]) -> Dict[str, Any]:
        """Return the batch to train on in the next iteration, in place of ``batch`` or ``batch`` itself."""
        return batch

    def fed(self, batch: Dict[str, Any]) -> None:
        """Change the model's ``lq`` and ``gt``, which the base has made of the training batch ``batch`` by now."""

    def before_step(self, iteration: int) -> None:
        """Make ready for the step of ``iteration`` (from 1)."""

    def after_step(self, iteration: int) -> None:
        """Do what falls due after the step of ``iteration``."""

    def log(self) -> Dict[str, float]:
        """Return log name -> value of the iteration that is done."""
        return {}

    def before_validation_log(self, dataset: str) -> None:
        """Say what the results on ``dataset``, which are logged next, are results of."""

    def state(self) -> Dict[str, Any]:
        """Return entries of the pack's part of a training state: tensors and plain values (``weights_only`` loads it).

        Every process is asked, so that the states of all can be gathered.
        """
        return {}

    def load_state(self, resume_state: Mapping[str, Any]) -> None:
        """Go on from BasicSR's training state ``resume_state``; :func:`pack_state` finds the pack's entries in it."""


def pack_state(resume_state: Mapping[str, Any]) -> Optional[Mapping[str, Any]]:
    """Return the pack's part of a training state; None where a stock model wrote it."""
    return resume_state.get(STATE_KEY)


@contextlib.contextmanager
def malformed_parts(path: Any) -> Iterator[None]:
    """Turn what parts meet inside the block, in a state whose entries are missing or others, into an error.

    Raises:
        CheckpointError: Names the file.
    """
    try:
        yield
    except BsrPluginsError as error:
        if error.remedy is not None:
            raise
        expected = str(error.expected or 'what a model of bsr_plugins saves')
        raise malformed(path, f'its part {STATE_KEY}', expected, f'{error.problem}: {error.found}') from error
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        wrong = f'no {error}' if isinstance(error, KeyError) else str(error).partition('\n')[0]
        raise malformed(path, f'its part {STATE_KEY}', 'what a model of bsr_plugins saves', wrong) from error
