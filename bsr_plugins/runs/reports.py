"""What a training only reports (pictures, tensorboard, the file of a round): where it cannot be written, that is said.

Weights, states and the option file are results: where those cannot be written the run stops.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Iterator, Set

from bsr_plugins.common.shown import shown
from bsr_plugins.runs import training_position

_said: Set[str] = set()


@contextlib.contextmanager
def only_a_report(what: str) -> Iterator[None]:
    """Turn an OSError in the block into a warning in BasicSR's log, once a process for each ``what``.

    Args:
        what: What is being written, as the subject of a sentence.
    """
    try:
        yield
    except OSError as error:
        if what not in _said:
            _said.add(what)
            logging.getLogger('basicsr').warning(
                f'{what} cannot be written, the training goes on without: {shown(error)}'
            )


def is_training() -> bool:
    """Return whether this process trains: a test has no training set."""
    return training_position.train_set() is not None
