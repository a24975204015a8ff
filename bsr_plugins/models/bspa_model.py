"""BSPAModel: bi-sampling and parameter attribution (NeurIPS 2023), Algorithm 1 over BasicSR's training loop."""

from __future__ import annotations

import math
from typing import Any, Dict, Iterator, Optional, Type

import torch
from basicsr.utils import get_root_logger
from torch import Tensor
from torch.utils.data import Dataset

from bsr_plugins.attribution.integrated_gradients import Attribution, parameter_attribution
from bsr_plugins.attribution.ranking import select_frozen
from bsr_plugins.common.builders import build_dataset
from bsr_plugins.common.errors import CheckpointError
from bsr_plugins.data.sampling.draw_loader import KeyedDraws, draw_loader
from bsr_plugins.data.sampling.dropped_batches import skip_dropped
from bsr_plugins.models.base_models import queues_samples
from bsr_plugins.models.bspa_options import BSPAOptions, inverse_dataset_options
from bsr_plugins.models.bspa_schedule import BSPASchedule
from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel, RebalancedTraining, queue_error
from bsr_plugins.models.round_report import RoundReport, write_round
from bsr_plugins.optim.frozen_entries import FrozenEntries
from bsr_plugins.runs import training_position

#: Keys of the two streams of draws that the model makes beside the outer loader.
INVERSE_STREAM, ATTRIBUTION_STREAM = 1, 2


class BSPATraining(RebalancedTraining):
    """:class:`BSPAModel` without the model it stands on."""

    def init_training_settings(self) -> None:
        """Build what SRModel builds, the inverse data set and the holder of frozen entries."""
        if queues_samples(self):
            raise queue_error('BSPA', 'base_model_type')
        self.options = BSPAOptions.from_mapping(self.opt['train'].get('bspa'))
        self.schedule = BSPASchedule(
            int(self.opt['train']['total_iter']), self.options.interval_iter, self.options.inverse_iter
        )
        self.options.check_whole_updates(self.engine_options.accumulate)
        self._inverse_options = inverse_dataset_options(self.opt['datasets']['train'])
        super().init_training_settings()
        for warning in self.schedule.warnings():
            get_root_logger().warning(warning)
        self._seed = int(torch.initial_seed())
        self._plan_dropped_batches()
        self._inverse_set = self._numbered(build_dataset(self._inverse_options), INVERSE_STREAM)
        self._uniform_set: Optional[Dataset] = None
        self._inverse_batches: Optional[Iterator[Dict[str, Any]]] = None
        self._theta_us: Optional[Dict[str, Tensor]] = None
        self._last_round: Optional[RoundReport] = None
        self.frozen = FrozenEntries(self.optimizer_g, dict(self.get_bare_model(self.net_g).named_parameters()))

    def _plan_dropped_batches(self) -> None:
        if self._script_cuts_batches():
            get_root_logger().info(
                "BSPA: this fork's script cuts the loader's batches itself, so those of inverse "
                'stages are decoded before they are dropped.'
            )
            return
        position = training_position.position
        position.is_dropped = self.schedule.is_inverse
        position.batch_size, _ = self._loader_sizes(self.opt['datasets']['train'])
        if training_position.train_set() is not None:
            # Now, before BasicSR's prefetcher starts the workers, which take a copy of the data set.
            skip_dropped(training_position.train_set())

    def _numbered(self, dataset: Dataset, *stream: int) -> Dataset:
        return dataset if getattr(dataset, 'draws_by_number', False) else KeyedDraws(dataset, self._seed, *stream)

    # ------------------------------------------------------------------ stages
    def _training_batch(self, outer: Dict[str, Any]) -> Dict[str, Any]:
        if not self.schedule.is_inverse(self.iteration + 1):
            return outer
        if self._inverse_batches is None:
            self._inverse_batches = self._open_inverse_stage(self.iteration)
        return next(self._inverse_batches)

    def _open_inverse_stage(self, done: int) -> Iterator[Dict[str, Any]]:
        batch_size, num_workers = self._loader_sizes(self._inverse_options)
        end = done
        while end < self.schedule.total_iter and self.schedule.is_inverse(end + 1):
            end += 1
        return iter(
            draw_loader(
                self._inverse_set,
                first=self.schedule.inverse_done(done) * batch_size,
                batches=end - done,
                batch_size=batch_size,
                num_workers=num_workers,
                pin_memory=bool(self.opt['datasets']['train'].get('pin_memory')),
            )
        )

    def optimize_parameters(self, current_iter: int, *args: Any, **kwargs: Any) -> None:
        """Do one step of the stage that ``current_iter`` lies in, and what falls due at the end of a stage."""
        inverse = self.schedule.is_inverse(current_iter)
        self.frozen.enabled = self.options.freeze_in_inverse or not inverse
        super().optimize_parameters(current_iter, *args, **kwargs)
        if self.schedule.ends_uniform_stage(current_iter):
            self._theta_us = self._snapshot()
        if inverse and not self.schedule.is_inverse(current_iter + 1):
            self._inverse_batches = None
            if self.schedule.round_after(current_iter):
                self._hold_round(current_iter)
            self._theta_us = None
        self._extend_log(current_iter, inverse)

    def _snapshot(self) -> Dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.get_bare_model(self.net_g).state_dict().items()}

    # ------------------------------------------------------------------ attribution round
    def _hold_round(self, current_iter: int) -> None:
        number = self.schedule.round_after(current_iter)
        if self._theta_us is None:
            get_root_logger().warning(
                f'BSPA round {number} is left out: the state this run was resumed from does not '
                'hold the weights of the uniform stage before it.'
            )
            return
        attribution = self._attribute(number)
        share = self.schedule.frozen_share(self.options.beta, current_iter)
        before = self.frozen.masks()
        masks = self._agreed(
            select_frozen(
                attribution.scores,
                share,
                self.options.scope,
                update=self.options.mask_update,
                previous={name: before[name] for name in attribution.scores},
            )
        )
        self.frozen.freeze(masks)
        self._last_round = RoundReport.of(number, current_iter, share, attribution, masks)
        if self.opt['rank'] == 0:
            get_root_logger().info(self._last_round.sentence())
            write_round(self._last_round, self.opt)

    def _attribute(self, number: int) -> Attribution:
        """Attribute on ``ig_batches`` uniform batches keyed by (manual_seed, rank, round), shared among the ranks."""
        if self._uniform_set is None:
            self._uniform_set = build_dataset(self.opt['datasets']['train'])
        batch_size, num_workers = self._loader_sizes(self.opt['datasets']['train'])
        batches = math.ceil(self.options.ig_batches / self.opt['world_size'])
        loader = draw_loader(
            KeyedDraws(self._uniform_set, self._seed, ATTRIBUTION_STREAM, number),
            first=0,
            batches=batches,
            batch_size=batch_size,
            num_workers=num_workers,
        )
        return parameter_attribution(
            self.get_bare_model(self.net_g),
            self._theta_us,
            self._snapshot(),
            ((batch['lq'].to(self.device), batch['gt'].to(self.device)) for batch in loader),
            rule=self.options.ig_rule,
            steps=self.options.ig_steps,
            reduce=self.options.ig_reduce,
            granularity=self.options.granularity,
            num_batches=batches,
            progress=self.opt['rank'] == 0,
            description=f'BSPA round {number}',
            distributed=self.opt['dist'],
        )

    def _agreed(self, masks: Dict[str, Tensor]) -> Dict[str, Tensor]:
        """Give every process the masks of rank 0, so that no rounding of a reduction can part the replicas."""
        if self.opt['dist']:
            for name, mask in masks.items():
                shared = mask.to(self.device, torch.uint8)
                torch.distributed.broadcast(shared, src=0)
                masks[name] = shared.bool()
        return masks

    # ------------------------------------------------------------------ log, files
    def _extend_log(self, current_iter: int, inverse: bool) -> None:
        self.log_dict['inverse_stage'] = float(inverse)
        self.log_dict['p'] = self.schedule.frozen_share(self.options.beta, current_iter)
        self.log_dict['frozen_share'] = self.frozen_share
        if self._last_round is not None:
            self.log_dict['completeness_gap'] = self._last_round.completeness_gap

    @property
    def frozen_share(self) -> float:
        """Frozen entries as a share of all entries that can be ranked; 0 before the first round."""
        return self._last_round.frozen_share if self._last_round is not None else 0.0

    def _log_validation_metric_values(self, current_iter: Any, dataset_name: str, tb_logger: Any, *args: Any) -> None:
        if self.is_train:
            stage = self.schedule.describe(min(max(self.iteration, 1), self.schedule.total_iter))
            get_root_logger().info(f'Validation {dataset_name} in {stage}')
        super()._log_validation_metric_values(current_iter, dataset_name, tb_logger, *args)

    def _own_state(self) -> Dict[str, Any]:
        state = super()._own_state()
        state['bspa'] = {
            'theta_us': self._theta_us,
            'frozen': self.frozen.state_dict(),
            'last_round': self._last_round.state() if self._last_round is not None else None,
        }
        return state

    def resume_training(self, resume_state: Dict[str, Any]) -> None:
        """Put masks, snapshot and round back, over what RebalancedSRModel puts back."""
        super().resume_training(resume_state)
        own = resume_state.get('bsr_plugins', {}).get('bspa')
        if own is None:
            get_root_logger().warning('The training state holds no BSPA part: nothing is frozen until the next round.')
            return
        try:
            self.frozen.load_state_dict(own['frozen'])
            if own['theta_us'] is not None:
                self._theta_us = {name: value.to(self.device) for name, value in own['theta_us'].items()}
            if own['last_round'] is not None:
                self._last_round = RoundReport.from_state(own['last_round'])
        except KeyError as error:
            raise CheckpointError(
                'the BSPA part of the training state is incomplete',
                where=self.opt['path'].get('resume_state'),
                expected='frozen, theta_us, last_round',
                found=f'no key {error}',
            ) from error


class BSPAModel(BSPATraining, RebalancedSRModel):
    """Alternates uniform and inverse stages; after each inverse one the weights that moved the loss most are frozen.

    A stage is a stretch of ``total_iter``: in a uniform one the outer loader's batches train, in an inverse one batches
    of ``datasets.train.inverse`` do, and the outer loader's are dropped before they are copied to the device. With
    theta_us the weights before and theta_is those after an inverse stage, the round

    - attributes the change of the mean L1 loss on uniform batches to the entries of the 4-D weights (Eq. 10),
    - freezes the share p = beta * progress (Eq. 11) of highest attribution at its present values.

    Frozen entries take part in the forward pass and hold still in uniform steps. The loss attributed is always mean L1,
    whatever trains: FPL's weight is detached and l_E is noisy, so that their gradients do not integrate to the change
    of the loss. Where the paper prints a left Riemann sum, ``ig_rule`` chooses; see :class:`BSPAOptions`.

    Draws are functions of (manual_seed, rank, number): the inverse batch of an iteration follows from the iteration.

    Raises:
        OptionError: For ``train.bspa`` and ``datasets.train.inverse`` that do not fit.
    """

    training: Type[Any] = BSPATraining
