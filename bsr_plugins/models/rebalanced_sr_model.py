"""RebalancedSRModel: BasicSR's SRModel with open losses, an engine under its step, exact resume and whole files."""
from __future__ import annotations

from copy import deepcopy
from typing import Any, Dict, Optional

from basicsr.models.sr_model import SRModel
from basicsr.utils import get_root_logger

from bsr_plugins import training_position
from bsr_plugins.data.dropped_batches import check_not_dropped
from bsr_plugins.models.base_models import over_base
from bsr_plugins.models.best_checkpoint import BestCheckpoint
from bsr_plugins.models.engine import Engine
from bsr_plugins.models.foreign_pass import ForeignPass
from bsr_plugins.models.open_losses import OpenLosses
from bsr_plugins.models.resume_report import early_end_warning
from bsr_plugins.models.sigma_maps import SigmaMaps
from bsr_plugins.models.sigma_training import SigmaTraining
from bsr_plugins.models.training_files import TrainingFiles
from bsr_plugins.models.window_padding import WindowPadding
from bsr_plugins.random_states import preserved_random_states


class RebalancedSRModel(SigmaMaps, SigmaTraining, OpenLosses, ForeignPass, Engine, TrainingFiles, WindowPadding,
                        SRModel):
    """SRModel whose training step is open for the methods of the pack.

    With the options of a stock SRModel it trains bit for bit as that does (fp32). What it adds:

    - ``train.losses: {name: {type: ...}}``: any number of losses beside ``pixel_opt`` and ``perceptual_opt``, each
      logged as ``l_<name>``; one loss in any of these places is enough;
    - a loss whose ``forward`` has a parameter ``lq``, or that sets ``takes_lq = True``, is given the network's input;
      one that sets ``takes_noise = True`` gets noise keyed by (manual_seed + rank, iteration, place of the loss);
    - the engine's options (:class:`bsr_plugins.models.engine_options.EngineOptions`) and its guard against losses and
      gradients that are not finite;
    - ``network_sigma`` and ``train.sigma_opt``: the sigma branch (:class:`SigmaTraining`, :class:`SigmaMaps`);
    - a training state that resumes the uninterrupted run: the place inside the epoch and the random states of every
      process, not the optimizer and the scheduler alone;
    - weights and states are written aside and moved into place;
    - ``val.save_best: <metric>`` keeps the best weights as ``net_g_best.pth``.

    ``base_model_type`` names another model that derives from SRModel (HATModel, SwinIRModel, RealESRNetModel, ...): the
    model built is a class of this one over that one. A base, or a fork's SRModel, whose ``optimize_parameters`` is not
    upstream's keeps it (:class:`ForeignPass`).

    Args:
        opt: BasicSR's options; they are copied, never changed.

    Raises:
        OptionError: An option of the pack is wrong.
        TrainingError: While training: a loss, gradient or weight is not finite.
    """

    def __new__(cls, opt: Optional[Dict[str, Any]] = None) -> RebalancedSRModel:
        """Make the instance: of this class, or of one over ``base_model_type``."""
        return super().__new__(over_base(cls, opt))

    def __init__(self, opt: Dict[str, Any]) -> None:
        self.iteration = 0
        self._validating = False
        self._checked_length = False
        super().__init__(deepcopy(opt))

    def init_training_settings(self) -> None:
        """Build losses, optimizer and scheduler as SRModel does, then what the pack adds."""
        super().init_training_settings()
        self._best = BestCheckpoint.from_options(self.opt)

    # ------------------------------------------------------------------ training step
    def feed_data(self, data: Dict[str, Any], *args: Any, **kwargs: Any) -> None:
        """Take a batch: the outer loader's in validation, ``_training_batch``'s choice in training."""
        if self.is_train and not self._validating:
            training_position.position.samples += len(data['lq'])
            self._warn_of_early_end(len(data['lq']))
            data = self._training_batch(data)
            check_not_dropped(data, self.iteration + 1)
        super().feed_data(data, *args, **kwargs)

    def optimize_parameters(self, current_iter: int, *args: Any, **kwargs: Any) -> None:
        """Do one training step and note that ``current_iter`` is done."""
        self._step(current_iter, *args, **kwargs)
        self.iteration = training_position.position.iteration = current_iter

    def _training_batch(self, outer: Dict[str, Any]) -> Dict[str, Any]:
        """Return the batch to train on; a method with a loader of its own overrides it and drops ``outer``."""
        return outer

    def _warn_of_early_end(self, batch_size: int) -> None:
        if self._checked_length:
            return
        self._checked_length = True
        warning = early_end_warning(self.opt, training_position.position.samples_per_epoch, batch_size)
        if warning:
            get_root_logger().warning(warning)

    # ------------------------------------------------------------------ validation
    def validation(self, dataloader: Any, current_iter: int, tb_logger: Any, save_img: bool = False) -> None:
        """Validate as SRModel does; the random states of the training are left as they were."""
        self._validating = True
        try:
            with preserved_random_states():
                super().validation(dataloader, current_iter, tb_logger, save_img)
        finally:
            self._validating = False
        if self.is_train and self._best is not None and self.opt['rank'] == 0:
            name = dataloader.dataset.opt['name']
            # BasicSR's own count runs past the end of a run before its last validation.
            if self._best.improves(name, getattr(self, 'metric_results', {}), self.iteration):
                self._save_networks('best')
                self._best.write(self.opt['path']['models'])
