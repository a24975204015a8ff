"""RebalancedSRModel: BasicSR's SRModel with open losses, an engine under its step, exact resume and whole files."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Dict, Mapping, Optional, Tuple, Type

from basicsr.utils import get_root_logger

from bsr_plugins.common.builders import has_registries
from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.sampling.dropped_batches import check_not_dropped
from bsr_plugins.models.base_models import over_base, queues_samples
from bsr_plugins.models.best_checkpoint import BestCheckpoint
from bsr_plugins.models.engine import Engine
from bsr_plugins.models.foreign_pass import ForeignPass
from bsr_plugins.models.open_losses import OpenLosses
from bsr_plugins.models.resume_report import early_end_warning
from bsr_plugins.models.sigma_maps import SigmaMaps
from bsr_plugins.models.sigma_training import SigmaTraining
from bsr_plugins.models.stock_model import StockModel
from bsr_plugins.models.training_files import TrainingFiles
from bsr_plugins.models.window_padding import WindowPadding
from bsr_plugins.runs import training_position
from bsr_plugins.runs.random_states import preserved_random_states

#: Keys by which samples of a data set of ours are told apart.
IDENTITY_KEYS = ('class_index', 'interval_index')


class RebalancedTraining(SigmaMaps, SigmaTraining, OpenLosses, ForeignPass, Engine, TrainingFiles, WindowPadding):
    """:class:`RebalancedSRModel` without the model it stands on: it goes over any that trains a net_g."""

    def __new__(cls, opt: Optional[Dict[str, Any]] = None) -> Any:
        """Make the instance: of this class, or of one over ``base_model_type``."""
        target = over_base(cls, opt)
        # One that does not derive from cls is not initialised by the caller of cls.
        return super().__new__(target) if issubclass(target, cls) else target(opt)

    def __init__(self, opt: Dict[str, Any]) -> None:
        self.iteration = 0
        self._validating = self._fed = False
        self._checked_length = False
        self._averages: Optional[Dict[str, float]] = None
        super().__init__(deepcopy(opt))

    def init_training_settings(self) -> None:
        """Build losses, optimizer and scheduler as SRModel does, then what the pack adds."""
        if self._script_cuts_batches():
            check_batches_stay_whole(self.opt['datasets']['train'])
        super().init_training_settings()
        self._best = BestCheckpoint.from_options(self.opt)

    # ------------------------------------------------------------------ training step
    def feed_data(self, data: Dict[str, Any], *args: Any, **kwargs: Any) -> None:
        """Take a batch: the outer loader's in validation, ``_training_batch``'s choice in training."""
        if self.is_train and not (self._validating or self._fed):
            # RealESRNetModel makes lq itself.
            data = self._taken(data, len(data['lq'] if 'lq' in data else data['gt']))
        super().feed_data(data, *args, **kwargs)

    def feed_train_data(self, data: Dict[str, Any], *args: Any, **kwargs: Any) -> None:
        """Take a training batch where the fork's script cuts lq and gt out of the loader's and passes no other key."""
        self._files = []
        batch_size, _ = self._loader_sizes(self.opt['datasets']['train'])
        data = self._taken(data, batch_size)
        # A fork's may go on to feed_data.
        self._fed = True
        try:
            super().feed_train_data(data, *args, **kwargs)
        finally:
            self._fed = False

    def _taken(self, outer: Dict[str, Any], consumed: int) -> Dict[str, Any]:
        """Note that the outer loader gave ``consumed`` samples, and return the batch to train on."""
        if any(key in outer for key in IDENTITY_KEYS) and queues_samples(self):
            raise queue_error('a data set that draws by classes or intervals', 'datasets.train.type')
        training_position.position.samples += consumed
        self._warn_of_early_end(consumed)
        data = self._training_batch(outer)
        check_not_dropped(data, self.iteration + 1)
        return data

    def _script_cuts_batches(self) -> bool:
        """Tell whether the fork's script makes smaller batches itself (Restormer's progressive learning)."""
        return hasattr(super(), 'feed_train_data')

    def _loader_sizes(self, options: Dict[str, Any]) -> Tuple[int, int]:
        """Return batch size and workers of one process, as BasicSR's build_dataloader multiplies them."""
        multiplier = 1 if self.opt['dist'] else max(1, self.opt['num_gpu'])
        return options['batch_size_per_gpu'] * multiplier, options['num_worker_per_gpu'] * multiplier

    def optimize_parameters(self, current_iter: int, *args: Any, **kwargs: Any) -> None:
        """Do one training step and note that ``current_iter`` is done."""
        self._step(current_iter, *args, **kwargs)
        training_log = getattr(training_position.train_set(), 'training_log', None)
        if training_log is not None:
            self.log_dict.update(training_log())
        self.iteration = training_position.position.iteration = current_iter

    def _training_batch(self, outer: Dict[str, Any]) -> Dict[str, Any]:
        """Return the batch to train on; a method with a loader of its own overrides it and drops ``outer``."""
        return outer

    def _warn_of_early_end(self, batch_size: int) -> None:
        # Scripts of releases before 1.3 go on until total_iter is reached.
        if self._checked_length or not has_registries():
            return
        self._checked_length = True
        warning = early_end_warning(self.opt, training_position.position.samples_per_epoch, batch_size)
        if warning:
            get_root_logger().warning(warning)

    # ------------------------------------------------------------------ validation
    def validation(self, dataloader: Any, current_iter: int, tb_logger: Any, *args: Any, **kwargs: Any) -> Any:
        """Validate as the base does; the random states of the training are left as they were."""
        self._validating = True
        try:
            with preserved_random_states():
                result = super().validation(dataloader, current_iter, tb_logger, *args, **kwargs)
        finally:
            self._validating = False
        if self.is_train and self._best is not None and self.opt['rank'] == 0:
            name = dataloader.dataset.opt['name']
            # BasicSR's own count runs past the end of a run before its last validation.
            if self._best.improves(name, self._averages or getattr(self, 'metric_results', {}), self.iteration):
                self._save_networks('best')
                self._best.write(self.opt['path']['models'])
        return result

    def _log_validation_metric_values(self, current_iter: Any, dataset_name: str, tb_logger: Any, *args: Any) -> None:
        # NAFNet's metric_results are sums of one process; the averages of all are an argument.
        self._averages = args[0] if args else None
        super()._log_validation_metric_values(current_iter, dataset_name, tb_logger, *args)


class RebalancedSRModel(RebalancedTraining, StockModel):
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
    - what a training set has to say of its draws stands in the log (``training_log()``: ``balance_fallback`` of RFS);
    - ``val.save_best: <metric>`` keeps the best weights as ``net_g_best.pth``.

    ``base_model_type`` names another model that trains a net_g on lq (HATModel, SwinIRModel, RealESRNetModel, PLKSR's
    ESRModel, ...): the model built is a class of this one over that one. A base, or a fork's SRModel, whose
    ``optimize_parameters`` is not upstream's keeps it (:class:`ForeignPass`). In forks of the releases before 1.3 it
    stands on ImageCleanModel or ImageRestorationModel.

    Args:
        opt: BasicSR's options; they are copied, never changed.

    Raises:
        OptionError: An option of the pack is wrong.
        TrainingError: While training: a loss, gradient or weight is not finite.
    """

    training: Type[Any] = RebalancedTraining


def check_batches_stay_whole(train: Mapping[str, Any]) -> None:
    """Raise where a script would cut batches that are balanced exactly.

    Raises:
        OptionError: Names the option that makes the script cut.
    """
    sizes = train.get('mini_batch_sizes') or []
    if str(train.get('type')).startswith('RFSBalancedBatchDataset') and any(
        size < train['batch_size_per_gpu'] for size in sizes
    ):
        raise OptionError(
            "this fork's script cuts smaller batches out of the loader's at random, and their balance is lost",
            where='datasets.train.mini_batch_sizes',
            expected=f'{train["batch_size_per_gpu"]} in each stage, the batch_size_per_gpu',
            found=sizes,
            remedy='progressive learning by gt_sizes alone, or another data set',
        )


def queue_error(what: str, where: str) -> OptionError:
    """Return the error of ``what`` over a model that shuffles the samples of many batches."""
    return OptionError(
        f'{what} does not go with a model that shuffles the samples of many batches through a queue: which sample came '
        'from where is lost',
        where=where,
        expected='a model that trains on the batch it is given',
        remedy='high_order_degradation: false for paired data, or another base_model_type',
    )
