"""Additions: what the pack adds to BasicSR's own scripts and models, by patching their functions, not their files."""

from __future__ import annotations

from typing import Any, Callable, Tuple

from bsr_plugins.host.lazy import lazy_call
from bsr_plugins.host.patches import Patch

#: Names that the code asks :func:`bsr_plugins.host.patches.is_switched_off` for.
EXACT_PLACE = 'exact place in the epoch'

_STOP = 'stop at the end of an iteration'
_STOP_REASON = 'a run that is told to stop loses what it trained since its last save'
_LOST = 'lost reports'
_LOST_REASON = 'a log, tensorboard or a picture that cannot be written ends a training'
_FILES = 'https://github.com/XPixelGroup/BasicSR/blob/master/basicsr/'


def _lazy(target: str) -> Callable[..., Any]:
    return lazy_call(target.partition(':')[2], f'{__name__}.{target}')


ADDITIONS: Tuple[Patch, ...] = (
    Patch(
        'new options hold',
        'basicsr.models.base_model',
        _lazy('new_options_hold:let_new_options_hold'),
        'a resumed run keeps the old learning rate and schedule, whatever the option file says, without a word',
        f'{_FILES}models/base_model.py',
    ),
    Patch(
        'weights of tests',
        'basicsr.models.base_model',
        _lazy('weights_of_tests:refuse_random_tests'),
        'a test without weights gives the figures of a random network',
        f'{_FILES}models/sr_model.py',
    ),
    Patch(
        'whole checkpoints',
        'basicsr.models.base_model',
        _lazy('whole_checkpoints:save_whole_checkpoints'),
        'weights and states of stock models are written in place, and a failure to write them is ignored',
        f'{_FILES}models/base_model.py',
    ),
    Patch(
        _STOP,
        'basicsr.models.base_model',
        _lazy('stop_at_iteration_end:note_iteration_begin'),
        _STOP_REASON,
        f'{_FILES}train.py',
    ),
    Patch(
        _STOP,
        'basicsr.data.prefetch_dataloader',
        _lazy('stop_at_iteration_end:stop_at_iteration_end'),
        _STOP_REASON,
        f'{_FILES}train.py',
    ),
    Patch(
        _LOST,
        'basicsr.utils.logger',
        _lazy('lost_reports:survive_lost_logs'),
        _LOST_REASON,
        f'{_FILES}utils/logger.py',
    ),
    Patch(
        _LOST,
        'basicsr.utils.img_util',
        _lazy('lost_reports:survive_lost_pictures'),
        _LOST_REASON,
        f'{_FILES}utils/img_util.py',
    ),
    Patch(
        'no batches',
        'basicsr.data.prefetch_dataloader',
        _lazy('no_batches:refuse_empty_training'),
        'a run that trains not one iteration ends as if it had',
        f'{_FILES}train.py',
    ),
    Patch(
        'lists of data roots',
        'basicsr.utils.options',
        _lazy('lists_of_roots:take_lists_of_roots'),
        'an option file whose data set has several data roots is read with a TypeError',
        f'{_FILES}utils/options.py',
    ),
    Patch(
        EXACT_PLACE,
        'basicsr.data.data_sampler',
        _lazy('exact_place:keep_exact_place'),
        'a resumed epoch starts over, and data sets that draw by number repeat the same draws in every epoch',
        f'{_FILES}data/data_sampler.py',
    ),
)
