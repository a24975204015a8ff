"""RebalancedSRModel: BasicSR's SRModel made of parts; its methods stand in the order in which they are called."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Dict, List, Mapping, Optional, Tuple, Type, Union

from basicsr.utils.dist_util import master_only
from torch import Tensor, nn

from bsr_plugins.common.builders import window_size
from bsr_plugins.data.images.byte_batches import float_batch
from bsr_plugins.data.sampling.dropped_batches import check_not_dropped
from bsr_plugins.host.additions.new_options_hold import record_of
from bsr_plugins.host.additions.whole_checkpoints import saving_whole
from bsr_plugins.models.augmentation import Augmentation
from bsr_plugins.models.base_models import over_base, owners_behind
from bsr_plugins.models.batch_saliency import BatchSaliency
from bsr_plugins.models.best_weights import BestWeights
from bsr_plugins.models.checkpoints import (
    check_finite_weights,
    newest_state,
    training_state,
    write_state,
    write_weights,
)
from bsr_plugins.models.engine import Engine
from bsr_plugins.models.first_step import FirstStep
from bsr_plugins.models.fork_pass import fork_pass_of
from bsr_plugins.models.losses import Losses
from bsr_plugins.models.model_options import check_model_options
from bsr_plugins.models.overlapping_windows import OverlappingWindows, tested_in_windows
from bsr_plugins.models.owed_validation import OwedValidation
from bsr_plugins.models.part import STATE_KEY, Part, malformed_parts
from bsr_plugins.models.per_class import PerClass
from bsr_plugins.models.processes import loader_sizes
from bsr_plugins.models.run_state import RunState, files_of
from bsr_plugins.models.sigma_branch import SigmaBranch
from bsr_plugins.models.stock_model import StockModel
from bsr_plugins.models.upstream_code import is_upstreams
from bsr_plugins.models.weight_average import WeightAverage
from bsr_plugins.models.window_padding import whole_windows
from bsr_plugins.runs.random_states import preserved_random_states
from bsr_plugins.runs.state_structure import check_state

#: The model that the mixin stands over: SRModel, or a fork's.
_AnyModel: Any = object


class RebalancedTraining(_AnyModel):
    """:class:`RebalancedSRModel` without the model it stands over: the one class of the pack that overrides its hooks.

    Attributes:
        extra_parts: Attribute -> part that a model has beside those of every one.
        parts: All of them, in the order in which they are asked.
        iteration: The last iteration that is done.
        batch_files: The files of the batch at hand. ``batch_has_gt``: whether it has HR images.
    """

    extra_parts: Mapping[str, Type[Part]] = {}
    #: The part ``run_state`` says in the log how exactly a resumed run goes on.
    tells_of_its_resume = True
    #: Training batches may be bytes (``uint8: true`` of a data set).
    takes_bytes = True

    def __new__(cls, opt: Optional[Dict[str, Any]] = None) -> Any:
        """Make the instance: of this class, or of one over ``base_model_type``."""
        if opt is not None:
            check_model_options(opt)
        target = over_base(cls, opt, RebalancedTraining)
        # One that does not derive from cls is not initialised by the caller of cls.
        return super().__new__(target) if issubclass(target, cls) else target(opt)

    def __init__(self, opt: Dict[str, Any]) -> None:
        self.opt = deepcopy(opt)
        self.iteration = 0
        self.batch_files: List[str] = []
        self.batch_has_gt = False
        self._average: Optional[WeightAverage] = None
        self._averages_as_upstream: Optional[bool] = None
        self.run_state = RunState(self)
        self.best = BestWeights(self)
        self.owed_validation = OwedValidation(self)
        self.engine = Engine(self)
        self.fork_pass = fork_pass_of(self, RebalancedTraining)
        self.losses = Losses(self)
        self.sigma = SigmaBranch(self)
        self.first_step = FirstStep(self)
        self.batch_saliency = BatchSaliency(self)
        self.augmentation = Augmentation(self)
        self.windows = OverlappingWindows.from_options(self.opt)
        self.per_class = PerClass(self)
        own = (
            *(self.run_state, self.best, self.owed_validation, self.engine),
            *(self.fork_pass, self.losses, self.sigma, self.first_step, self.batch_saliency),
            *(self.augmentation, self.per_class),
        )
        self.parts: List[Part] = [part for part in own if part is not None]
        for name, extra_part in self.extra_parts.items():
            setattr(self, name, extra_part(self))
            self.parts.append(getattr(self, name))
        super().__init__(self.opt)
        if not opt['is_train']:
            self.sigma.build_for_tests()
            self.per_class.build()

    # ------------------------------------------------------------------ building
    def model_to_device(self, net: nn.Module) -> nn.Module:
        """Move a network to the device, in the memory format of training."""
        return super().model_to_device(self.engine.in_memory_format(net))

    def init_training_settings(self) -> None:
        """Build losses, optimizer and scheduler as the base does, then what the parts need."""
        for part in self.parts:
            part.prepare()
        super().init_training_settings()
        for part in self.parts:
            part.build()

    def setup_optimizers(self) -> None:
        """Set up the base's optimizers, then the sigma branch in that of net_g."""
        super().setup_optimizers()
        self.sigma.add_to_optimizer()

    # ------------------------------------------------------------------ training step
    def feed_data(self, data: Dict[str, Any], *args: Any, **kwargs: Any) -> None:
        """Take a batch: the loader's in validations and tests, the one that the parts choose in training."""
        is_training = self.run_state.next_batch_trains
        if is_training:
            self.owed_validation.make_up()
            # RealESRNetModel makes lq itself.
            data = self._training_batch(data, len(data['lq'] if 'lq' in data else data['gt']))
        self.batch_files, self.batch_has_gt = files_of(data), 'gt' in data
        super().feed_data(data, *args, **kwargs)
        if is_training:
            self._fed(data)

    def feed_train_data(self, data: Dict[str, Any], *args: Any, **kwargs: Any) -> None:
        """Take a training batch where the fork's script cuts lq and gt out of the loader's and passes no other key."""
        self.owed_validation.make_up()
        samples, _ = loader_sizes(self.opt['datasets']['train'], self.opt)
        data = self._training_batch(data, samples)
        self.batch_files = files_of(data)
        # A fork's may go on to feed_data.
        with self.run_state.no_training_batch():
            super().feed_train_data(data, *args, **kwargs)
        self._fed(data)

    def _fed(self, batch: Dict[str, Any]) -> None:
        for part in self.parts:
            part.fed(batch)

    def _training_batch(self, outer: Dict[str, Any], samples: int) -> Dict[str, Any]:
        """Return the batch to train on, after BasicSR's loader gave ``outer`` for ``samples`` of its samples."""
        self.run_state.count(outer, samples)
        batch = outer
        for part in self.parts:
            batch = part.training_batch(batch)
        check_not_dropped(batch, self.iteration + 1)
        return float_batch(batch, self.device)

    @property
    def script_cuts_batches(self) -> bool:
        """Whether the fork's script makes smaller batches itself (Restormer's progressive learning)."""
        return bool(owners_behind(RebalancedTraining, type(self), 'feed_train_data'))

    def optimize_parameters(self, current_iter: int, *args: Any, **kwargs: Any) -> None:
        """Do one training step: upstream's as this class does it, a fork's own with the parts around it."""
        for part in self.parts:
            part.before_step(current_iter)
        if self.fork_pass is None:
            self._step(current_iter)
        else:
            with self.fork_pass.around(current_iter):
                super().optimize_parameters(current_iter, *args, **kwargs)
        self.iteration = current_iter
        for part in self.parts:
            part.after_step(current_iter)
            self._log_dict.update(part.log())

    @property
    def log_dict(self) -> Dict[str, float]:
        """The log of the last iteration; asking for it reads what is read late."""
        self.engine.settle()
        return self._log_dict

    @log_dict.setter
    def log_dict(self, log: Dict[str, float]) -> None:
        self._log_dict = log

    def _step(self, current_iter: int) -> None:
        self.engine.begin(current_iter)
        with self.engine.unsynchronised(current_iter):
            with self.sigma.tapped():
                output = self.engine.forward(self.net_g, self.engine.step.prepared(self.lq))
                self.output = self.augmentation.masked(output)
            self.sigma.forward()
            terms = self.losses.terms(self.output, self.gt, current_iter)
            terms.update(self.sigma.terms(self.output, self.gt))
            self.engine.backward(terms)
        self.log_dict = self.engine.update(current_iter, terms)
        # Releases before 1.3.2 have no EMA.
        if getattr(self, 'ema_decay', 0) > 0:
            self.model_ema(decay=self.ema_decay)

    def model_ema(self, decay: float = 0.999) -> None:
        """Average the weights of net_g as the base does, and those of the sigma branch."""
        if self._averages_as_upstream is None:
            self._averages_as_upstream = is_upstreams(super().model_ema)
        if not self._averages_as_upstream:
            super().model_ema(decay)
        else:
            net = self.get_bare_model(self.net_g)
            known = self._average
            if known is None or known.net is not net or known.average is not self.net_g_ema:
                known = self._average = WeightAverage(net, self.net_g_ema)
            known.update(decay)
        self.sigma.average(decay)

    def reduce_loss_dict(self, loss_dict: Dict[str, Tensor]) -> Dict[str, float]:
        """Reduce the losses of a fork's pass as the base does, the pack's among them."""
        return super().reduce_loss_dict(self.fork_pass.logged_terms(loss_dict) if self.fork_pass else loss_dict)

    # ------------------------------------------------------------------ tests and validation
    def test(self) -> None:
        """Super-resolve ``lq``, at once or in the windows of ``val.windows``; leave its sigma map in ``sigma.map``."""
        if self.windows is None:
            self.test_once()
        else:
            tested_in_windows(self, self.windows)
        self.sigma.write_map()
        self.per_class.measure()

    def test_once(self) -> None:
        """Super-resolve ``lq`` in one pass, padded to the attention windows of the network where it has some."""
        # A model with a test of its own (HATModel, ..., and those of releases before 1.3) keeps it.
        upstreams = StockModel.__name__ == 'SRModel' and super().test.__func__ is StockModel.test
        with self.sigma.map_of_test(), whole_windows(self, window_size(self.opt['network_g']) if upstreams else None):
            super().test()

    def validation(self, dataloader: Any, current_iter: int, tb_logger: Any, *args: Any, **kwargs: Any) -> Any:
        """Validate as the base does, which leaves the random states of the training as they were; keep the best."""
        self.engine.settle()
        dataset = dataloader.dataset.opt['name']
        save_images = args[0] if args else kwargs.get('save_img', False)
        maps = self.sigma.maps_of_validation(dataset, current_iter, save_images)
        with self.run_state.no_training_batch(), preserved_random_states(), maps:
            self.per_class.begin(dataset)
            result = super().validation(dataloader, current_iter, tb_logger, *args, **kwargs)
            self.per_class.end(current_iter, tb_logger)
        if self.best.improves(dataset):
            self._save_networks('best')
            self.best.write()
        if self.opt['is_train']:
            self.owed_validation.note(dataset)
        return result

    def _log_validation_metric_values(self, current_iter: Any, dataset_name: str, tb_logger: Any, *args: Any) -> None:
        for part in self.parts:
            part.before_validation_log(dataset_name)
        # NAFNet's metric_results are sums of one process; the averages of all are an argument.
        self.best.take_averages(args[0] if args else None)
        super()._log_validation_metric_values(current_iter, dataset_name, tb_logger, *args)

    # ------------------------------------------------------------------ files
    def trained_networks(self) -> List[Tuple[str, nn.Module]]:
        """Return net_g and the sigma branch, by the labels of their files."""
        return [('net_g', self.net_g), *self.sigma.networks()]

    @property
    def net_sigma(self) -> Optional[nn.Module]:
        """The sigma branch; None in a run without it."""
        return self.sigma.net

    def save(self, epoch: int, current_iter: int, *args: Any, **kwargs: Any) -> None:
        """Save the sigma branch, then all that the base saves, its training state last.

        Where a state stands, its weights are whole and finite.

        Raises:
            TrainingError: A weight is not finite; nothing is written then.
            CheckpointError: A file cannot be written; the pair before it stands as it was.
        """
        self.engine.settle()
        for label, net in self.trained_networks():
            check_finite_weights(label, self.get_bare_model(net), self.iteration, newest_state(self.opt))
        self.sigma.save_weights(current_iter)
        super().save(epoch, current_iter, *args, **kwargs)

    def _save_networks(self, label: Any) -> None:
        self.sigma.save_weights(label)
        if hasattr(self, 'net_g_ema'):
            self.save_network([self.net_g, self.net_g_ema], 'net_g', label, param_key=['params', 'params_ema'])
        else:
            self.save_network(self.net_g, 'net_g', label)

    @master_only
    def save_network(
        self,
        net: Union[nn.Module, List[nn.Module]],
        net_label: str,
        current_iter: Any,
        param_key: Union[str, List[str]] = 'params',
    ) -> None:
        """Save as BasicSR does (same file, same keys), but whole or not at all; a failure is raised, not ignored."""
        nets = net if isinstance(net, list) else [net]
        keys = param_key if isinstance(param_key, list) else [param_key]
        write_weights(dict(zip(keys, map(self.get_bare_model, nets))), net_label, current_iter, self.opt)

    def save_training_state(self, epoch: int, current_iter: int, *args: Any, **kwargs: Any) -> None:
        """Save BasicSR's training state with the pack's part in it; every process takes part, rank 0 writes."""
        if current_iter == -1:
            return
        self.engine.settle()
        own: Dict[str, Any] = {}
        for part in self.parts:
            own.update(part.state())
        if not is_upstreams(super().save_training_state):
            # What a fork adds (Retinexformer's best metric) is known to its own method alone.
            with saving_whole({**record_of(self), STATE_KEY: own}):
                super().save_training_state(epoch, current_iter, *args, **kwargs)
        elif self.opt['rank'] == 0:
            write_state({**training_state(self, epoch, current_iter), **record_of(self), STATE_KEY: own}, self.opt)

    def resume_training(self, resume_state: Dict[str, Any]) -> None:
        """Put optimizers and schedulers back as the base does, then what the parts have saved.

        Raises:
            CheckpointError: The state is malformed, or another run's.
        """
        check_state(resume_state, self.opt['path'].get('resume_state'))
        self.sigma.check_resume(resume_state)
        super().resume_training(resume_state)
        self.iteration = resume_state['iter']
        with malformed_parts(self.opt['path'].get('resume_state')):
            for part in self.parts:
                part.load_state(resume_state)


class RebalancedSRModel(RebalancedTraining, StockModel):
    """SRModel whose training step is open for the methods of the pack.

    With the options of a stock SRModel it trains bit for bit as that does (fp32). What it adds, part by part:

    - ``losses``: ``train.losses: {name: {type: ...}}``, any number of losses beside ``pixel_opt`` and
      ``perceptual_opt``, each logged as ``l_<name>`` (:class:`bsr_plugins.models.losses.Losses`);
    - ``engine``: mixed precision, accumulation, clipping and a guard against losses and gradients that are not finite
      (:class:`bsr_plugins.models.engine_options.EngineOptions`);
    - ``sigma``: ``network_sigma`` and ``train.sigma_opt`` (:class:`bsr_plugins.models.sigma_branch.SigmaBranch`);
    - ``first_step``: ``path.pretrain_network_udn``, the frozen networks that UncertaintyDrivenLoss takes its weights
      from (:class:`bsr_plugins.models.first_step.FirstStep`);
    - ``augmentation``: ``train.augment: {type: CutBlur, ...}``, done to every training batch
      (:class:`bsr_plugins.models.augmentation.Augmentation`), and where ADD takes its saliency from
      (:class:`bsr_plugins.models.batch_saliency.BatchSaliency`);
    - ``run_state``: a training state that resumes the uninterrupted run, the place inside the epoch and the random
      states of every process included, and what a training set has to say of its draws in the log;
    - ``best``: ``val.save_best: <metric>`` keeps the best weights as ``net_g_best.pth``;
    - ``owed_validation``: a validation that a kill has cut off is made up when the run is resumed;
    - ``val.windows: {size, step}`` tests in overlapping windows, averaged
      (:class:`bsr_plugins.models.overlapping_windows.OverlappingWindows`);
    - ``per_class``: ``val.per_class`` logs the PSNR of each difficulty class
      (:class:`bsr_plugins.models.per_class.PerClass`);
    - weights and states are written aside and moved into place.

    ``base_model_type`` names another model that trains a net_g on lq (HATModel, SwinIRModel, RealESRNetModel, PLKSR's
    ESRModel, ...): the model built is a class of this one over that one. A base, or a fork's SRModel, whose
    ``optimize_parameters`` is not upstream's keeps it (``fork_pass``, :class:`bsr_plugins.models.fork_pass.ForkPass`).
    In forks of the releases before 1.3 it stands on ImageCleanModel or ImageRestorationModel.

    Args:
        opt: BasicSR's options; they are copied, never changed.

    Raises:
        OptionError: An option of the pack is wrong.
        TrainingError: While training: a loss, gradient or weight is not finite.
    """
