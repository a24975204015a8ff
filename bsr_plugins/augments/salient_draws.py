"""What chance decides about a batch that salient regions are exchanged in: drawn on the host, before any pixel."""

from __future__ import annotations

from typing import NamedTuple, Sequence, Tuple

import numpy as np

#: What ADD+ does to a sample. ``mix`` is all that ADD does.
MIX, PASTE, INTENSITY = 'mix', 'paste', 'intensity'
OPERATIONS = (MIX, PASTE, INTENSITY)


class SalientDraws(NamedTuple):
    """What is drawn for the N samples of a batch.

    Attributes:
        acts: (N,) bool, whether anything is done to the sample.
        partners: (N,) the sample that it is mixed with, never itself; itself where it is mixed with none.
        lam: (N,) in [0, 1], the share of the source inside its salient region.
        operations: For each sample one of :data:`OPERATIONS`.
    """

    acts: np.ndarray
    partners: np.ndarray
    lam: np.ndarray
    operations: Tuple[str, ...]


def draw_salient(
    rng: np.random.Generator, count: int, prob: float, alpha: float, operations: Sequence[str] = (MIX,)
) -> SalientDraws:
    """Draw what is done to each of ``count`` samples.

    Each acts with probability ``prob``, does one of ``operations``, all of them equally likely, has a partner that is
    uniform among the others, and lam ~ Beta(alpha, alpha); ``paste`` has lam = 1. In a batch of one there is no
    partner, and nothing is mixed or pasted.
    """
    own = np.arange(count)
    acts = rng.random(count) < prob
    steps = rng.integers(1, max(2, count), size=count)
    lam = rng.beta(alpha, alpha, size=count)
    numbers = rng.integers(len(operations), size=count)
    names = tuple(operations[number] for number in numbers)
    exchanges = np.array([name != INTENSITY for name in names], bool)
    acts &= ~exchanges | (count > 1)
    partners = np.where(acts & exchanges, (own + steps) % count, own)
    lam = np.where([name == PASTE for name in names], 1.0, lam)
    return SalientDraws(acts, partners, lam, names)
