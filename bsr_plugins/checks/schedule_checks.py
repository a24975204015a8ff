"""Runs that would end early, train nothing, or never reach what they are set up for."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Iterator, List, Optional

from bsr_plugins.checks.code_in_use import CodeInUse
from bsr_plugins.checks.pair_checks import paired_sets
from bsr_plugins.checks.pair_listing import pair_lists
from bsr_plugins.checks.path_checks import state_names
from bsr_plugins.checks.refusals import refused
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.common.option_kinds import LARGEST
from bsr_plugins.models.best_checkpoint import BestCheckpoint
from bsr_plugins.models.bspa_options import BSPAOptions
from bsr_plugins.models.bspa_schedule import BSPASchedule
from bsr_plugins.models.resume_report import early_end_warning
from bsr_plugins.options.option_file import OptionFile


def check_schedule(
    option_file: OptionFile, code: Optional[CodeInUse], root: Path, auto_resume: bool = False
) -> List[Finding]:
    """Return what is odd about the length of a training: its epochs, its learning rate schedule, BSPA's stages.

    A run that would train nothing is an error; one that --auto_resume finds at its end is not.
    """
    total_iter = _whole(option_file.get('train', 'total_iter'))
    if total_iter is None or total_iter < 1:
        return []
    findings = [*_nothing_left(option_file, total_iter, root, auto_resume), *_epochs(option_file, code, root)]
    findings += _learning_rate(option_file, total_iter)
    findings += _scales(option_file)
    model = option_file.get('model_type')
    if code is not None and isinstance(model, str) and code.names.resolves_to_ours('model', model):
        findings += refused(option_file, (), BestCheckpoint.from_options, {'val': option_file.section('val')})
        if model.startswith('BSPAModel'):
            findings += _stages(option_file, total_iter)
    return findings


def _epochs(option_file: OptionFile, code: Optional[CodeInUse], root: Path) -> Iterator[Finding]:
    """Compare the batch with the set as BasicSR's loader does, which drops the last, partial batch of an epoch."""
    batch = _whole(option_file.get('datasets', 'train', 'batch_size_per_gpu'))
    size = next(
        (_size(dataset, root) for keys, dataset, _ in paired_sets(option_file) if keys == ('datasets', 'train')), None
    )
    ratio = option_file.get('datasets', 'train', 'dataset_enlarge_ratio')
    ratio = ratio if isinstance(ratio, (int, float)) and not isinstance(ratio, bool) and ratio > 0 else 1
    if not batch or not size:
        return
    processes = _whole(os.environ.get('WORLD_SIZE')) or 1
    gpus = option_file.get('num_gpu')
    batch *= gpus if processes == 1 and isinstance(gpus, int) and gpus > 1 else 1
    samples = math.ceil(min(size * ratio / processes, LARGEST))
    where = option_file.where('datasets', 'train', 'batch_size_per_gpu')
    if batch > samples:
        yield Finding(
            ERROR,
            'The batch is larger than the data set: no iteration would be trained',
            where,
            expected=f'at most {samples} samples',
            found=f'{batch} samples in a batch',
            remedy=f'datasets.train.dataset_enlarge_ratio: {math.ceil(batch * processes / size) * 100}',
        )
    elif code is None or not code.names.legacy:  # before 1.3 the loop goes on until total_iter
        warning = early_end_warning(option_file.options, samples, batch)
        if warning:
            yield Finding(WARNING, warning.split('. ')[0], where, remedy='. '.join(warning.split('. ')[1:]))


def _nothing_left(option_file: OptionFile, total_iter: int, root: Path, auto_resume: bool) -> Iterator[Finding]:
    """A state is named for the iteration it was saved at."""
    state = option_file.get('path', 'resume_state')
    names = state_names(option_file, root) if auto_resume else [Path(state).stem] if isinstance(state, str) else []
    done = max((int(name) for name in names if name.isdigit()), default=0)
    if done > total_iter or (done == total_iter and not auto_resume):
        yield Finding(
            ERROR,
            'No iteration would be trained: the state to resume from is at the end of the run, or beyond it',
            option_file.where('train', 'total_iter'),
            expected=f'total_iter above {done:,}',
            found=f'{total_iter:,}',
            remedy=f'total_iter: {done * 2}, or another number above {done}; or no resume',
        )


def _size(dataset: dict, root: Path) -> Optional[int]:
    return sum(pairs.count for pairs in pair_lists(dataset, root)) or None


def _learning_rate(option_file: OptionFile, total_iter: int) -> List[Finding]:
    findings = []
    milestones = option_file.get('train', 'scheduler', 'milestones')
    late = (
        [each for each in milestones if isinstance(each, (int, float)) and each > total_iter]
        if isinstance(milestones, list)
        else []
    )
    if late:
        findings.append(
            Finding(
                WARNING,
                'The run ends before milestones of its learning rate',
                option_file.where('train', 'scheduler', 'milestones'),
                expected=f'milestones up to total_iter, {total_iter:,}',
                found=str(late),
            )
        )
    periods = option_file.get('train', 'scheduler', 'periods')
    numbers = isinstance(periods, list) and all(isinstance(each, (int, float)) for each in periods)
    # The first iteration takes no step.
    if numbers and sum(periods) < total_iter - 1:
        restarts = str(option_file.get('train', 'scheduler', 'type')).startswith('CosineAnnealingRestart')
        findings.append(
            Finding(
                ERROR if restarts else WARNING,
                'The periods of the learning rate end before the run, which stops it there',
                option_file.where('train', 'scheduler', 'periods'),
                expected=f'together at least total_iter, {total_iter:,}',
                found=f'{sum(periods):,}',
                remedy=f'periods: {[*periods[:-1], total_iter - sum(periods[:-1])]}',
            )
        )
    warmup = option_file.get('train', 'warmup_iter')
    if isinstance(warmup, (int, float)) and warmup > total_iter:
        findings.append(
            Finding(
                WARNING,
                'The run ends before the learning rate has risen to its value',
                option_file.where('train', 'warmup_iter'),
                expected=f'at most total_iter, {total_iter:,}',
                found=f'{warmup:,}',
            )
        )
    return findings


def _scales(option_file: OptionFile) -> List[Finding]:
    scale, upscale = option_file.get('scale'), option_file.get('network_g', 'upscale')
    if not (isinstance(scale, int) and isinstance(upscale, int)) or scale == upscale:
        return []
    return [
        Finding(
            WARNING,
            "The network's upscale is not the file's scale",
            option_file.where('network_g', 'upscale'),
            expected=f'upscale: {scale}',
            found=f'upscale: {upscale}',
        )
    ]


def _stages(option_file: OptionFile, total_iter: int) -> List[Finding]:
    given = option_file.get('train', 'bspa')
    try:
        options = BSPAOptions.from_mapping(given)
    except OptionError:
        return []  # said by the check of keys and values
    warnings = BSPASchedule(total_iter, options.interval_iter, options.inverse_iter).warnings(options.beta > 0)
    accumulate = _whole(option_file.get('train', 'accumulate')) or 1
    return [Finding(WARNING, warning, option_file.where('train', 'bspa')) for warning in warnings] + refused(
        option_file, (), options.check_whole_updates, accumulate
    )


def _whole(value: Any) -> Optional[int]:
    try:
        number = None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if number is None or abs(number) > LARGEST else number
