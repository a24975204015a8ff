"""The guard against losses and gradients that are not finite, or leap: it stops the run, or leaves updates out."""

from __future__ import annotations

import math
from typing import Any, Dict, Iterable, Mapping, Optional, Sequence

from bsr_plugins.common.errors import TrainingError
from bsr_plugins.runs.state_structure import COUNT

#: Updates in a row that may be left out.
LIMIT = 100
#: Updates left out that get a line of the log each; later ones are counted alone.
SHOWN = 10
#: A loss near 0 (UDN's first one changes its sign) is no measure of the next one.
_LEAST_LOSS = 1e-3
#: What becomes of an update.
UPDATE, SPOILED, OVERFLOW, GRADIENT = 'update', 'spoiled', 'overflow', 'gradient'


class NonFiniteGuard:
    """Judges each iteration by its losses and, where an update ends, by the norm of its gradients.

    Both are looked at before the optimizer moves a weight, so the weights in memory and on disk are the last good ones.
    An update is left out as a whole: one bad batch spoils all ``accumulate`` of them. Gradients that overflow in fp16
    while the loss is finite are the GradScaler's affair: it lowers its scale, whatever ``policy`` says.

    Args:
        policy: ``stop`` or ``skip``.
        limit: Updates in a row that may be left out, by either.
        max_jump: An update is left out too whose loss is more than this times the last one's that was made, in absolute
            values; None: however much it leaps. Either loss counts as 1e-3 at least.
    """

    def __init__(self, policy: str, limit: int = LIMIT, max_jump: Optional[float] = None) -> None:
        self.policy = policy
        self.limit = limit
        self.max_jump = max_jump
        self.last_loss: Optional[float] = None
        self.skipped = 0
        self.overflows = 0
        self.in_row = 0
        self.spoiled = False

    def spoils(self, values: Iterable[float]) -> bool:
        """Tell whether a loss of this batch is not finite; the update is spoiled until it ends."""
        bad = not all(math.isfinite(value) for value in values)
        self.spoiled = self.spoiled or bad
        return bad

    def leaps(self, loss: float) -> bool:
        """Tell whether a finite loss leaps too far from the last one; the update is spoiled then, until it ends."""
        if self.max_jump is None:
            return False
        size = max(abs(loss), _LEAST_LOSS)
        leapt = self.last_loss is not None and size > self.max_jump * self.last_loss
        if not leapt:
            self.last_loss = size
        self.spoiled = self.spoiled or leapt
        return leapt

    def verdict(self, norm: float, scaled: bool) -> str:
        """Tell at the end of an update what is to become of it, and count it where it is left out.

        Args:
            norm: Of its gradients.
            scaled: Whether a GradScaler is at work, which answers for gradients that are not finite.

        Returns:
            ``UPDATE``, or why not: ``SPOILED`` by a loss, ``OVERFLOW`` in fp16, ``GRADIENT`` not finite.
        """
        if not self.spoiled and math.isfinite(norm):
            self.in_row = 0
            return UPDATE
        found = SPOILED if self.spoiled else OVERFLOW if scaled else GRADIENT
        if found == OVERFLOW:
            self.overflows += 1
        else:
            self.skipped += 1
        self.in_row += 1
        self.spoiled = False
        return found

    @property
    def exhausted(self) -> bool:
        """Whether too many updates in a row were left out."""
        return self.in_row > self.limit

    def state(self) -> Dict[str, Any]:
        """Return the counters and whether the update in progress is spoiled."""
        last = {} if self.last_loss is None else {'last_loss': self.last_loss}
        counts = {'skipped': self.skipped, 'overflows': self.overflows, 'in_row': self.in_row}
        return {**counts, 'spoiled': self.spoiled, **last}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state`.

        Raises:
            ValueError: A count is none.
        """
        if not all(COUNT.takes(state[key]) for key in ('skipped', 'overflows', 'in_row')):
            raise ValueError(f'the counts of what was skipped are {dict(state)}')
        self.skipped, self.overflows = state['skipped'], state['overflows']
        self.in_row, self.spoiled = state['in_row'], state['spoiled']
        if self.max_jump is not None and state.get('last_loss') is not None:
            self.last_loss = float(state['last_loss'])


def non_finite_error(
    problem: str,
    iteration: int,
    values: Mapping[str, float],
    norm: Optional[float],
    files: Sequence[str],
    last_state: Optional[str],
) -> TrainingError:
    """Return the error of a run that cannot go on.

    Args:
        problem: What was not finite.
        iteration: Where.
        values: Log name -> value of each loss.
        norm: Of the gradients; None where they were not looked at.
        files: Of the batch.
        last_state: The newest training state on disk; None where there is none.
    """
    resume = f'resume with --auto_resume from {last_state}' if last_state else 'start again'
    return TrainingError(
        f'{problem} in iteration {iteration:,}; the weights were not changed by it and nothing was saved',
        where='the batch of ' + ', '.join(files) if files else None,
        expected='finite losses and gradients',
        found=describe(values, norm),
        remedy=f'look at those files; {resume}, with a lower learning rate, train.grad_clip, or '
        'train.non_finite: skip to skip such updates',
    )


def describe(values: Mapping[str, float], norm: Optional[float]) -> str:
    """Return ``l_pix nan, l_sigma 0.1, gradient norm inf``."""
    parts = [f'{name} {value:.6g}' for name, value in values.items()]
    if norm is not None:
        parts.append(f'gradient norm {norm:.6g}')
    return ', '.join(parts)
