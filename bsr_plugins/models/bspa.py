"""The part that makes a model train by BSPA (NeurIPS 2023, Algorithm 1): stages, rounds and what they freeze."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from basicsr.utils import get_root_logger
from torch import Tensor

from bsr_plugins.attribution.attribution_options import IG_STEPS
from bsr_plugins.attribution.ranking import select_frozen
from bsr_plugins.models.attribution_round import AttributionRounds, snapshot
from bsr_plugins.models.bi_sampling import BiSampling
from bsr_plugins.models.bspa_options import BSPAOptions
from bsr_plugins.models.bspa_schedule import BSPASchedule
from bsr_plugins.models.part import Part, pack_state
from bsr_plugins.models.resume_report import DEFAULT_STEPS, DRAWS
from bsr_plugins.models.round_report import RoundReport, write_round
from bsr_plugins.models.run_state import queue_error, queues_samples
from bsr_plugins.optim.frozen_entries import FrozenEntries


class BSPA(Part):
    """Alternates uniform and inverse stages; after each inverse one the weights that moved the loss most are frozen.

    Attributes:
        options: ``train.bspa``.
        schedule: Which iteration belongs to which stage.
        frozen: The entries that hold still in uniform steps.

    Raises:
        OptionError: For ``train.bspa`` and ``datasets.train.inverse`` that do not fit.
    """

    options: BSPAOptions
    schedule: BSPASchedule
    frozen: FrozenEntries

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._theta_us: Optional[Dict[str, Tensor]] = None
        self._last_round: Optional[RoundReport] = None

    def prepare(self) -> None:
        """Check the options."""
        if queues_samples(self.model):
            raise queue_error('BSPA', 'base_model_type')
        opt = self.model.opt
        self.options = BSPAOptions.from_mapping(opt['train'].get('bspa'))
        self.schedule = BSPASchedule(
            int(opt['train']['total_iter']), self.options.interval_iter, self.options.inverse_iter
        )
        self.options.check_whole_updates(self.model.engine.options.accumulate)
        self._sampling = BiSampling(opt, self.schedule)

    def build(self) -> None:
        """Build the inverse data set and the holder of frozen entries."""
        for warning in self.schedule.warnings(holds_rounds=self.options.beta > 0):
            get_root_logger().warning(warning)
        if not self.options.beta:
            get_root_logger().info('BSPA: beta 0 freezes nothing, so nothing is attributed: bi-sampling alone.')
        self._sampling.build(self.model.script_cuts_batches)
        self._rounds = AttributionRounds(self.options, self.model.opt, self.model.device)
        self.frozen = FrozenEntries(self.model.optimizer_g, dict(self._net().named_parameters()))

    def _net(self) -> Any:
        return self.model.get_bare_model(self.model.net_g)

    # ------------------------------------------------------------------ iteration
    def training_batch(self, batch: Dict[str, Any]) -> Dict[str, Any]:
        """Return ``batch`` in a uniform stage, one of the inverse data set in an inverse one."""
        return self._sampling.batch(batch, self.model.iteration)

    def before_step(self, iteration: int) -> None:
        """Hold the frozen entries in uniform steps, in inverse ones where the options say so."""
        self.frozen.enabled = self.options.freeze_in_inverse or not self.schedule.is_inverse(iteration)

    def after_step(self, iteration: int) -> None:
        """Keep theta_us at the end of a uniform stage; hold a round at the end of an inverse one."""
        if self.options.beta and self.schedule.ends_uniform_stage(iteration):
            self._theta_us = snapshot(self._net())
        if self.schedule.is_inverse(iteration) and not self.schedule.is_inverse(iteration + 1):
            self._sampling.close_stage()
            number = self.schedule.round_after(iteration)
            if number and not self.options.beta:
                self._forget_rounds()
            elif number and self._theta_us is not None:
                self.hold_round(number, iteration, self._theta_us)
            elif number:
                get_root_logger().warning(
                    f'BSPA round {number} is skipped: the state this run was resumed from does not '
                    'hold the weights of the uniform stage before it.'
                )
            self._theta_us = None

    def hold_round(self, number: int, iteration: int, theta_us: Dict[str, Tensor]) -> None:
        """Freeze the share p of weights (Eq. 11) that the loss's change since ``theta_us`` is attributed to most."""
        self.model.engine.settle()
        attribution = self._rounds.attribute(self._net(), number, theta_us)
        share = self.schedule.frozen_share(self.options.beta, iteration)
        before = self.frozen.masks()
        masks = self._rounds.agreed(
            select_frozen(
                attribution.scores,
                share,
                self.options.scope,
                update=self.options.mask_update,
                previous={name: before[name] for name in attribution.scores},
            )
        )
        self.frozen.freeze(masks)
        self._last_round = RoundReport.of(number, iteration, share, attribution, masks)
        if self.model.opt['rank'] == 0:
            get_root_logger().info(self._last_round.sentence())
            write_round(self._last_round, self.model.opt)

    def _forget_rounds(self) -> None:
        """Freeze nothing, as a round with p = 0 does: a run may be resumed with beta 0 that had another one before."""
        if self.options.mask_update == 'replace':
            self.frozen.release()
            self._last_round = None

    # ------------------------------------------------------------------ log
    @property
    def frozen_share(self) -> float:
        """Frozen entries as a share of all entries that can be ranked; 0 before the first round."""
        return self._last_round.frozen_share if self._last_round is not None else 0.0

    def log(self) -> Dict[str, float]:
        """Return stage, p, frozen share and the last round's completeness gap."""
        iteration = self.model.iteration
        values = {
            'inverse_stage': float(self.schedule.is_inverse(iteration)),
            'p': self.schedule.frozen_share(self.options.beta, iteration),
            'frozen_share': self.frozen_share,
        }
        if self._last_round is not None:
            values['completeness_gap'] = self._last_round.completeness_gap
        return values

    def before_validation_log(self, dataset: str) -> None:
        """Say in which stage the validation was."""
        if self.model.is_train:
            stage = self.schedule.describe(min(max(self.model.iteration, 1), self.schedule.total_iter))
            get_root_logger().info(f'Validation {dataset} in {stage}')

    # ------------------------------------------------------------------ state
    def state(self) -> Dict[str, Any]:
        """Return ``bspa``: masks, theta_us, the last round how the rounds draw, and the default of their steps."""
        return {
            'bspa': {
                'theta_us': self._theta_us,
                'frozen': self.frozen.state_dict(),
                'last_round': self._last_round.state() if self._last_round is not None else None,
                DRAWS: 'passes',
                DEFAULT_STEPS: IG_STEPS.default,
            }
        }

    def load_state(self, resume_state: Mapping[str, Any]) -> None:
        """Put them back."""
        saved = (pack_state(resume_state) or {}).get('bspa')
        if saved is None:
            get_root_logger().warning('The training state holds no BSPA part: nothing is frozen until the next round.')
            return
        self.frozen.load_state_dict(saved['frozen'])
        if saved['theta_us'] is not None:
            theta = {name: value.to(self.model.device) for name, value in saved['theta_us'].items()}
            shapes = {name: value.shape for name, value in snapshot(self._net()).items()}
            if {name: value.shape for name, value in theta.items()} != shapes:
                raise ValueError('theta_us, the weights before the inverse stage, are not those of this network')
            self._theta_us = theta
        if saved['last_round'] is not None:
            self._last_round = RoundReport.from_state(saved['last_round'])
