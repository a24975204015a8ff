"""When BSPA trains on which half of its bi-sampling and how much it freezes (Algorithm 1, Eq. 11): arithmetic."""

from __future__ import annotations

import dataclasses
from typing import List


@dataclasses.dataclass(frozen=True)
class BSPASchedule:
    """Iterations ``1 .. total_iter``: ``interval_iter`` uniform ones, then ``inverse_iter`` inverse ones, and so on.

    After the last iteration of an inverse stage comes an attribution round. Iterations are 1-based, as BasicSR counts.
    """

    total_iter: int
    interval_iter: int
    inverse_iter: int

    @property
    def cycle(self) -> int:
        """Iterations of a uniform and an inverse stage together."""
        return self.interval_iter + self.inverse_iter

    def is_inverse(self, iteration: int) -> bool:
        """Tell whether ``iteration`` trains on inverse samples."""
        return (iteration - 1) % self.cycle >= self.interval_iter

    def ends_uniform_stage(self, iteration: int) -> bool:
        """Tell whether the weights after ``iteration`` are the theta_us of Eq. 5: an inverse stage comes next."""
        return 0 < iteration < self.total_iter and not self.is_inverse(iteration) and self.is_inverse(iteration + 1)

    def round_after(self, iteration: int) -> int:
        """Return the number (from 1) of the attribution round after ``iteration``, or 0 where none is held there.

        None is held at the very end of a run: its mask would guide no step.
        """
        if 0 < iteration < self.total_iter and iteration % self.cycle == 0:
            return iteration // self.cycle
        return 0

    @property
    def rounds(self) -> int:
        """Number of attribution rounds of the whole run."""
        return (self.total_iter - 1) // self.cycle

    def inverse_done(self, iteration: int) -> int:
        """Return how many of the iterations ``1 .. iteration`` are inverse ones."""
        full, rest = divmod(iteration, self.cycle)
        return full * self.inverse_iter + max(0, rest - self.interval_iter)

    def uniform_done(self, iteration: int) -> int:
        """Return how many of the iterations ``1 .. iteration`` are uniform ones."""
        return iteration - self.inverse_done(iteration)

    def frozen_share(self, beta: float, iteration: int) -> float:
        """Return p = beta * e / T (Eq. 11), progress measured in uniform iterations as the authors' epochs are."""
        return beta * self.uniform_done(iteration) / self.uniform_done(self.total_iter)

    def describe(self, iteration: int) -> str:
        """Return the stage of ``iteration`` in words, for log lines."""
        number, position = divmod(iteration - 1, self.cycle)
        if self.is_inverse(iteration):
            done, length, kind = position - self.interval_iter, self.inverse_iter, 'inverse'
        else:
            done, length, kind = position, self.interval_iter, 'uniform'
        return f'{kind} stage {number + 1}, iteration {done + 1:,} of {length:,}'

    def warnings(self, holds_rounds: bool = True) -> List[str]:
        """Return what is odd about the schedule, each with its arithmetic; an empty list where nothing is.

        Args:
            holds_rounds: Whether there are attribution rounds at all: with beta 0 there are none to miss.
        """
        plan = f'interval_iter {self.interval_iter:,} + inverse_iter {self.inverse_iter:,} = {self.cycle:,} per cycle'
        if self.rounds == 0 and holds_rounds:
            return [
                f'BSPA never reaches an attribution round: {plan}, total_iter {self.total_iter:,} ends before the '
                f'uniform stage that follows the first one; at least {self.cycle + 1:,} iterations are needed, '
                f'{self.cycle + self.interval_iter:,} complete that stage.'
            ]
        if not self.is_inverse(self.total_iter):
            return []
        full, rest = divmod(self.total_iter - 1, self.cycle)
        shorter = full * self.cycle + self.interval_iter
        return [
            f'BSPA ends inside an inverse stage: {plan}; total_iter {self.total_iter:,} = {full} x {self.cycle:,} '
            f'+ {rest + 1:,}, and a cycle is inverse from its iteration {self.interval_iter + 1:,} on. The '
            f'published run ends with a uniform stage: total_iter {shorter:,} or {shorter + self.cycle:,} does.'
        ]
