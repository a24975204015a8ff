"""Random numbers as a function of a key, never of how often something was called before.

A draw keyed by (manual_seed + rank, draw number) is the same whichever worker makes it and whether the run was resumed
or not.
"""

from __future__ import annotations

import contextlib
import random
from typing import Iterator

import numpy as np


def keyed_generator(*key: int) -> np.random.Generator:
    """Return a numpy generator that depends on ``key`` (non-negative integers) alone."""
    return np.random.default_rng([int(part) for part in key])


@contextlib.contextmanager
def keyed_python_random(*key: int) -> Iterator[None]:
    """Seed Python's ``random`` by ``key`` inside the block and put its state back afterwards.

    BasicSR's ``paired_random_crop`` and ``augment`` draw from that module; this makes them functions of the key.
    """
    state = random.getstate()
    random.seed(int(keyed_generator(*key).integers(2**63)))
    try:
        yield
    finally:
        random.setstate(state)
