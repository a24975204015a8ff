"""Where a run stands: the place in the epoch and the random states of every process, which make a resume exact."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator, List, Mapping, Optional

from basicsr.utils import get_root_logger

from bsr_plugins.common.builders import has_registries
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.keyed_random import DRAW_VERSION
from bsr_plugins.models.part import STATE_KEY, Part, pack_state
from bsr_plugins.models.processes import gathered
from bsr_plugins.models.resume_report import DRAW_KEY, describe_resume, early_end_warning
from bsr_plugins.runs import training_position
from bsr_plugins.runs.random_states import capture_random_states, preserved_random_states, restore_random_states
from bsr_plugins.runs.state_structure import COUNT, SECTIONS, Kind, optional, require

#: Keys by which samples of a data set of ours are told apart.
IDENTITY_KEYS = ('class_index', 'interval_index')

_QUEUE = 'the queue in which this model shuffles samples starts empty, so that the batches are others'
_SEED = Kind('a whole number', lambda value: isinstance(value, int) and not isinstance(value, bool))
_STATE = {
    **{'manual_seed': optional(_SEED), 'epoch': COUNT},
    **{'samples_in_epoch': optional(COUNT), 'random_states': SECTIONS},
}


class RunState(Part):
    """Counts what a run has consumed, and says after a resume how exactly it goes on.

    Raises:
        OptionError: The balance of a data set would be lost in this fork's script or model.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._length_is_checked = False
        self._resumption: Optional[training_position.Resumption] = None
        #: Whether the next batch that the model is fed is one to train on.
        self.next_batch_trains: bool = model.opt['is_train']

    def prepare(self) -> None:
        """Refuse balanced batches where the fork's script cuts them, and bytes whose mean and std it would drop."""
        if self.model.script_cuts_batches:
            check_batches_stay_whole(self.model.opt['datasets']['train'])
            check_bytes_stay_whole(self.model.opt['datasets']['train'])

    @contextlib.contextmanager
    def no_training_batch(self) -> Iterator[None]:
        """Inside the block, a validation or a fork's own feeding, the model takes batches as they come."""
        before, self.next_batch_trains = self.next_batch_trains, False
        try:
            yield
        finally:
            self.next_batch_trains = before

    def count(self, batch: Mapping[str, Any], samples: int) -> None:
        """Note that BasicSR's loader gave ``batch``, for which it consumed ``samples`` samples of this process."""
        if any(key in batch for key in IDENTITY_KEYS) and queues_samples(self.model):
            raise queue_error('a data set that draws by classes or intervals', 'datasets.train.type')
        if self._resumption is not None and not self._resumption.is_taken_up:
            get_root_logger().warning(
                'Resume: not exact: the epoch in progress starts over: the script has read the training set by a '
                'sampler of its own, or did not tell it the epoch.'
            )
        self._resumption = None
        training_position.position.samples += samples
        # Scripts of releases before 1.3 go on until total_iter is reached.
        if not self._length_is_checked and has_registries():
            self._length_is_checked = True
            per_epoch = training_position.position.samples_per_epoch
            warning = early_end_warning(self.model.opt, per_epoch, samples)
            if warning:
                get_root_logger().warning(warning)

    def after_step(self, iteration: int) -> None:
        """Note that ``iteration`` is done."""
        training_position.position.iteration = iteration

    def log(self) -> Dict[str, float]:
        """Return what the training set has to say of its draws."""
        training_log = getattr(training_position.train_set(), 'training_log', None)
        return training_log() if training_log is not None else {}

    def state(self) -> Dict[str, Any]:
        """Return model, seed, place in the epoch and random states."""
        return {
            'model': type(self.model).__name__,
            'manual_seed': self.model.opt.get('manual_seed'),
            'epoch': training_position.position.epoch,
            'samples_in_epoch': training_position.position.known_samples(),
            'random_states': gathered(capture_random_states(), self.model.opt),
            DRAW_KEY: DRAW_VERSION,
        }

    def load_state(self, resume_state: Mapping[str, Any]) -> None:
        """Go on there; say how exact it is."""
        opt, saved = self.model.opt, pack_state(resume_state)
        training_position.position.iteration = resume_state['iter']
        if saved is not None:
            # States of earlier releases have BasicSR's count of epochs alone.
            kinds = {key: kind for key, kind in _STATE.items() if key != 'epoch' or key in saved}
            require(saved, kinds, opt['path'].get('resume_state'), f'{STATE_KEY}.')
        own_pass = self.model.fork_pass.owner if self.model.fork_pass is not None else None
        not_kept = [_QUEUE] if queues_samples(self.model) else []
        for line in describe_resume(opt, saved, getattr(self.model, 'resumed_alike', None), own_pass, not_kept):
            get_root_logger().info(line)
        if saved is not None and saved['samples_in_epoch'] is not None:
            states, rank = saved['random_states'], opt['rank']
            random_states = states[rank] if rank < len(states) else None
            if random_states is not None:
                with preserved_random_states():  # what cannot be restored is found now, not when the epoch begins
                    restore_random_states(random_states)
            epoch = saved.get('epoch', resume_state['epoch'])
            self._resumption = training_position.resume_at(epoch, saved['samples_in_epoch'], random_states)


def files_of(batch: Mapping[str, Any]) -> List[str]:
    """Return the files that a batch was read from; none where it does not say."""
    return [str(path) for key in ('lq_path', 'gt_path') for path in batch.get(key, ())]


def queues_samples(model: Any) -> bool:
    """Tell whether ``feed_data`` of a model makes its own lq and shuffles the samples of many batches through a queue.

    RealESRNetModel and its kin (RealHATGANModel, SAFMN's RealSRModel, ...) do in training.
    """
    return hasattr(model, '_dequeue_and_enqueue') and bool(model.opt.get('high_order_degradation', True))


def queue_error(what: str, where: str) -> OptionError:
    """Return the error of ``what`` over a model that shuffles the samples of many batches."""
    return OptionError(
        f'{what} cannot be combined with a model that shuffles the samples of many batches through a queue: which '
        'sample came from where is lost',
        where=where,
        expected='a model that trains on the batch it is given',
        remedy='high_order_degradation: false for paired data, or another base_model_type',
    )


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
            "this fork's script draws smaller batches from the loader's at random, and their balance is lost",
            where='datasets.train.mini_batch_sizes',
            expected=f'{train["batch_size_per_gpu"]} in each stage, the batch_size_per_gpu',
            found=sizes,
            remedy='progressive learning by gt_sizes alone, or another data set',
        )


def check_bytes_stay_whole(train: Mapping[str, Any]) -> None:
    """Raise where a script would hand the bytes of a batch to the model without their mean and std.

    Raises:
        OptionError: Names ``uint8``.
    """
    if train.get('uint8') and train.get('mean') is not None:
        raise OptionError(
            "this fork's script hands lq and gt of a batch to the model, and no mean and std, which bytes need there",
            where='datasets.train.uint8',
            expected='false, with mean and std',
            found='true',
            remedy='uint8: false',
        )
