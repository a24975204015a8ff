"""Addition: a resumed run, whatever its model, takes what its option file says now, and says what has changed."""

from __future__ import annotations

import functools
import logging
import math
import re
from types import ModuleType
from typing import Any, Dict, List, Mapping, Optional, Tuple

from bsr_plugins.common.naming import plain_name
from bsr_plugins.data.dataset_options import OWN_TYPES, check_bytes_are_taken
from bsr_plugins.runs import training_position
from bsr_plugins.runs.resumed_schedule import Settings
from bsr_plugins.runs.run_record import RECORD_KEY, Difference, differences, flat_options, run_record
from bsr_plugins.runs.state_structure import NAMED_SECTIONS, SECTION, check_fits, check_state, other_optimizer, require
from bsr_plugins.runs.weights_checksum import weights_checksums

_MARK = 'records_by_bsr_plugins'
_OPTIONS = 'options_of_the_file'
_OPTIMIZER_TYPE = re.compile(r'train\.optim_\w+\.type')
# Their moments are the same.
_ADAMS = frozenset({'Adam', 'AdamW'})
_APART = '{} does not take up its weights, since path.ignore_resume_networks names it.'
_FOREIGN = 'the weights of {} are not those that were saved with the state.'
_RECORD = {'options': SECTION, 'data': NAMED_SECTIONS}


def let_new_options_hold(module: ModuleType) -> bool:
    """Wrap three methods of ``BaseModel``, by which every model is made, saved and resumed.

    - ``__init__`` notes the options, before a model takes the types out of them, and refuses bytes (``uint8``) under a
      model that does not turn them into floats.
    - ``save_training_state`` adds a record of options and training data to the state (through the addition 'whole
      checkpoints', which writes it).
    - ``resume_training`` checks the state, and takes only the moments from it where the file has other settings for
      optimizer or schedule: upstream puts the old learning rate and schedule back without a word, or fails where the
      schedule has ended. With the same settings it is upstream's to the bit. Where an epoch has another number of
      batches than it had, epochs are counted anew: upstream would end the run by the old count. Each value that is
      another one is a line of the log, and a stock model says what it does not keep.

    ``basicsr/models/base_model.py``; https://github.com/XPixelGroup/BasicSR/issues/679 asks how to resume.

    Raises (``resume_training``):
        CheckpointError: The state is not one of this model's, or is malformed.
        OptionError: The new schedule ends before the iteration that is resumed from.
    """
    base: Any = getattr(module, 'BaseModel', None)
    if base is None or hasattr(base, _MARK) or not {'__init__', 'resume_training'} <= set(vars(base)):
        return False
    upstream_init, upstream_resume = base.__init__, base.resume_training

    @functools.wraps(upstream_init)
    def __init__(self: Any, opt: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        setattr(self, _OPTIONS, flat_options(opt))
        _refuse_bytes(self, opt)
        upstream_init(self, opt, *args, **kwargs)

    @functools.wraps(upstream_resume)
    def resume_training(self: Any, resume_state: Dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        path = self.opt['path'].get('resume_state')
        check_state(resume_state, path)
        found = _compare(self, resume_state, path)
        _refuse_another_optimizer(found or [], path)
        check_fits(resume_state, self.optimizers, self.schedulers, path)
        settings = Settings(self)
        # Without a record the settings themselves have to tell.
        may_differ = found is None or any(difference.key.startswith('train.') for difference in found)
        changed = settings.changed(self, resume_state) if may_differ else []
        result = upstream_resume(self, resume_state, *args, **kwargs)
        warmup = any(difference.key == 'train.warmup_iter' for difference in found or ())
        if changed or warmup:
            settings.apply(self, resume_state['iter'])
        _count_epochs_anew(self, resume_state)
        apart = [name for name in self.opt['path'].get('ignore_resume_networks') or () if name in self.opt]
        foreign = _foreign_weights(self, resume_state, apart)
        alike = not (changed or apart or foreign or any(each.shapes for each in found or ()))
        self.resumed_alike = None if found is None and not apart else alike
        further = [_APART.format(name) for name in apart] + [_FOREIGN.format(name) for name in foreign]
        for line in [*_lines(self, found, changed), *further]:
            logging.getLogger('basicsr').info(f'Resume: {line}')
        return result

    base.__init__, base.resume_training = __init__, resume_training
    setattr(base, _MARK, True)
    return True


def _refuse_bytes(model: Any, opt: Mapping[str, Any]) -> None:
    train = (opt.get('datasets') or {}).get('train') or {}
    for dataset in (train, train.get('inverse') or {}):
        if plain_name(dataset.get('type')) in OWN_TYPES and not getattr(model, 'takes_bytes', False):
            check_bytes_are_taken(dataset, type(model).__name__)


def record_of(model: Any) -> Dict[str, Any]:
    """Return what a training state of ``model`` keeps beside BasicSR's: nothing where the addition is off."""
    options = getattr(model, _OPTIONS, None)
    return {} if options is None else {RECORD_KEY: {**_record(model), 'weights': weights_checksums(model)}}


def _record(model: Any) -> Dict[str, Any]:
    record = run_record(getattr(model, _OPTIONS), training_position.data_sets(), training_position.sampler_length())
    return {**record, 'batch_size': _samples_of_batch(model.opt)}


def _compare(model: Any, state: Mapping[str, Any], path: Any) -> Optional[List[Difference]]:
    """Return what is other than when the state was saved; None where the state does not tell."""
    saved = state.get(RECORD_KEY)
    if saved is None:
        return None
    require(saved, _RECORD, path, f'{RECORD_KEY}.')
    return differences(saved, _record(model))


def _foreign_weights(model: Any, state: Mapping[str, Any], apart: List[str]) -> List[str]:
    """Return the networks whose weights are others than when the state was saved; averages may begin or end."""
    saved = (state.get(RECORD_KEY) or {}).get('weights')
    if not isinstance(saved, Mapping):
        return []
    mine = {name: value for name, value in weights_checksums(model).items() if name in saved}
    apart = [name.replace('network_', 'net_', 1) for name in apart]
    return [name for name, value in mine.items() if value != saved[name] and name.replace('_ema', '') not in apart]


def _refuse_another_optimizer(found: List[Difference], path: Any) -> None:
    for difference in found:
        if _OPTIMIZER_TYPE.fullmatch(difference.key) and not {difference.before, difference.now} <= _ADAMS:
            raise other_optimizer(path, difference.now, difference.before)


def _lines(model: Any, found: Optional[List[Difference]], changed: List[Tuple[str, Any, Any]]) -> List[str]:
    # With a record the option says it in the words of the file.
    lines = [f'{difference}; the new value holds.' for difference in found or ()]
    if found is None:
        lines = [f'{name}, was {before} and is {now} now; the new value holds.' for name, before, now in changed]
    if not getattr(model, 'tells_of_its_resume', False):
        lines.append(
            f'{type(model).__name__} keeps weights, optimizer and schedule; the epoch in progress starts over, and '
            'crops, flips and other random draws differ from the uninterrupted run (a model of bsr_plugins keeps them).'
        )
        if found is None:
            lines.append('the state does not say with which options and images it was saved.')
    return lines


def _samples_of_batch(opt: Mapping[str, Any]) -> Optional[int]:
    train = (opt.get('datasets') or {}).get('train') or {}
    size = train.get('batch_size_per_gpu')
    return None if size is None else size * (1 if opt.get('dist') else max(1, opt.get('num_gpu') or 0))


def _count_epochs_anew(model: Any, state: Dict[str, Any]) -> None:
    """Where epochs have other batches now, put the epoch into ``state`` in which a run of such epochs would be."""
    length, batch = training_position.sampler_length(), _samples_of_batch(model.opt)
    if not length or not batch or not length // batch:
        return
    saved = state.get(RECORD_KEY) or {}
    batches = length // batch
    if saved and (saved.get('samples_per_epoch'), saved.get('batch_size')) in ((length, batch), (None, batch)):
        return
    total = int(model.opt['train'].get('total_iter') or 0)
    epochs = math.ceil(total / math.ceil(length / batch)) + 1
    if not saved and (epochs - state['epoch']) * batches >= total - state['iter']:
        return
    epoch, done = divmod(state['iter'], batches)
    if epoch != state['epoch'] or saved:
        place = f'is in epoch {epoch:,} (it was in {state["epoch"]:,})'
        if epoch == state['epoch']:
            place = f'is number {done:,} of epoch {epoch:,}'
        logging.getLogger('basicsr').info(
            f'Resume: an epoch has {batches:,} batches of {batch} now, so that iteration {state["iter"]:,} {place}.'
        )
    state['epoch'] = epoch
    training_position.recount(epoch, done * batch)
