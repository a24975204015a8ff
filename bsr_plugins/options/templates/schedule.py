"""How long a run is and how its learning rate falls, as lines of an option file, published or fitted to a length."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Tuple

from bsr_plugins.attribution.attribution_options import IG_BATCHES
from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.bspa_options import INVERSE_ITER

_FITTED_VALIDATIONS = 15
_ROUNDS = 7
_SHORTEST_CYCLE = 400
_FEWEST_BATCHES = 8


@dataclass(frozen=True)
class Schedule:
    """Optimizer, learning rate and length of a run, and what is measured on the way.

    Attributes:
        optimizer: Lines of the optimizer, under ``train``.
        kind: The scheduler; ``milestones`` and ``gamma``, or ``periods`` and ``eta_min``, are its options.
        total_iter: Length of the run.
        val_freq: Iterations between validations, and between saved checkpoints.
        enlarge_ratio: ``dataset_enlarge_ratio`` and the comment that gives its reason.
        milestones: Iterations at which the learning rate is multiplied by ``gamma``.
        periods: Lengths of the cosine's periods.
        steps_reason: Comment beside these.
        eta_min: The learning rate at a period's end, as text, with its comment.
        length_reason: Comment beside ``total_iter``.
    """

    optimizer: str
    kind: str
    total_iter: int
    val_freq: int
    enlarge_ratio: str
    milestones: Tuple[int, ...] = ()
    gamma: float = 0.5
    periods: Tuple[int, ...] = ()
    steps_reason: str = ''
    eta_min: str = '1e-7'
    length_reason: str = ''

    @property
    def train(self) -> str:
        """Lines under ``train`` from the optimizer up to the losses."""
        if self.periods:
            steps = f'  periods: {list(self.periods)}{_comment(self.steps_reason)}\n'
            steps += f'  restart_weights: {[1] * len(self.periods)}\n  eta_min: !!float {self.eta_min}\n'
        else:
            steps = f'  milestones: {list(self.milestones)}{_comment(self.steps_reason)}\n  gamma: {self.gamma}\n'
        return (
            f'{self.optimizer}\nscheduler:\n  type: {self.kind}\n{steps}\n'
            f'total_iter: {self.total_iter}{_comment(self.length_reason)}\nwarmup_iter: -1  # no warm up\n'
        )

    def fitted(self, total_iter: int) -> Schedule:
        """Return the same schedule over ``total_iter`` iterations: each step at its share of the run."""
        share = total_iter / self.total_iter
        ends = [round(sum(self.periods[: index + 1]) * share) for index in range(len(self.periods))]
        if ends and ends[0] == 0:  # fewer iterations than periods
            ends = [total_iter]
        return replace(
            self,
            total_iter=total_iter,
            milestones=tuple(sorted({max(1, round(each * share)) for each in self.milestones})),
            periods=tuple(end - start for start, end in zip([0, *ends], ends) if end > start),
            steps_reason=f'at their shares of the published {self.total_iter}',
            length_reason='',
            val_freq=max(1, min(self.val_freq, total_iter // _FITTED_VALIDATIONS)),
        )


def fitted_stages(total_iter: int) -> Dict[str, int]:
    """Return the keys of ``train.bspa`` that fit a run of ``total_iter`` iterations.

    The published run has 8 uniform and 7 inverse stages; a short one has fewer, so that a stage is long enough to learn
    something. It ends with a uniform stage. A round costs as large a share of its cycle as published, at least 8
    batches.

    Raises:
        OptionError: There is no room for a round.
    """
    if total_iter < 3:
        raise OptionError(
            'BSPA needs a uniform stage, an inverse one and a uniform one',
            where='--iters',
            expected='at least 3',
            found=total_iter,
        )
    rounds = min(_ROUNDS, max(1, total_iter // _SHORTEST_CYCLE))
    inverse = total_iter // (2 * rounds + 1)
    batches = round(IG_BATCHES.default * inverse / INVERSE_ITER.default)
    return {
        'interval_iter': -((rounds * inverse - total_iter) // (rounds + 1)),
        'inverse_iter': inverse,
        'ig_batches': min(IG_BATCHES.default, max(batches, min(_FEWEST_BATCHES, inverse))),
    }


def _comment(text: str) -> str:
    return f'  # {text}' if text else ''
