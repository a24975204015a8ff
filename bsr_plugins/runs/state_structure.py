"""What a training state has to be made of, so that a file that holds something else is named, not stumbled over."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Callable, List, Mapping, NamedTuple, Sequence

from bsr_plugins.common.errors import CheckpointError

# Far above any run; a greater number is no count, and none that a float holds exactly.
_LARGEST = 2**53
# State of an optimizer that has a value for each entry of a parameter.
_LIKE_THE_PARAMETER = ('exp_avg', 'exp_avg_sq', 'max_exp_avg_sq', 'momentum_buffer', 'square_avg', 'exp_inf', 'sum')
# Keys of an optimizer's group that came with some release of torch, and say nothing of its kind.
_OF_ANY_OPTIMIZER = frozenset(
    {
        *('params', 'param_names', 'initial_lr', 'maximize', 'foreach', 'capturable', 'differentiable', 'fused'),
        'decoupled_weight_decay',
    }
)
_REMEDY = 'resume from another state, or start again with the weights beside it as path.pretrain_network_g'


class Kind(NamedTuple):
    """What an entry may be, in words, and the test for it."""

    words: str
    takes: Callable[[Any], bool]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


COUNT = Kind('a whole number, 0 or more', _is_count)
NUMBER = Kind('a finite number', _is_number)
SECTION = Kind('keys and values', lambda value: isinstance(value, Mapping))
LIST = Kind('a list', lambda value: isinstance(value, (list, tuple)))
SECTIONS = Kind('a list of sections', lambda value: LIST.takes(value) and all(map(SECTION.takes, value)))
NAMED_SECTIONS = Kind(
    'a section for each name', lambda value: SECTION.takes(value) and all(map(SECTION.takes, value.values()))
)
COUNTS = Kind('a list of whole numbers', lambda value: LIST.takes(value) and all(map(_is_count, value)))


def optional(kind: Kind) -> Kind:
    """Return the kind that takes nothing too."""
    return Kind(f'{kind.words}, or nothing', lambda value: value is None or kind.takes(value))


def require(section: Any, kinds: Mapping[str, Kind], path: Any, at: str = '') -> None:
    """Raise where an entry of ``section`` is missing or of another kind.

    Raises:
        CheckpointError: Names the file and the entry.
    """
    if not SECTION.takes(section):
        raise malformed(path, at or 'the whole', SECTION.words, section)
    for key, kind in kinds.items():
        if key not in section:
            raise malformed(path, f'{at}{key}', kind.words)
        if not kind.takes(section[key]):
            raise malformed(path, f'{at}{key}', kind.words, section[key])


def malformed(path: Any, entry: str, expected: str, *found: Any) -> CheckpointError:
    """Return the error of a state in which ``entry`` is missing, or ``found`` in its place."""
    return CheckpointError(
        f'The training state cannot be resumed from: {entry} is {"not what it has to be" if found else "missing"}',
        where=path,
        expected=expected,
        found=_shown(found[0]) if found else None,
        remedy=_REMEDY,
    )


def check_state(state: Any, path: Any) -> None:
    """Check all of a BasicSR training state that does not depend on the model.

    Raises:
        CheckpointError: Names the file and the entry.
    """
    require(state, {'epoch': COUNT, 'iter': COUNT, 'optimizers': SECTIONS, 'schedulers': SECTIONS}, path)
    number = re.fullmatch(r'(\d+)\.state', Path(str(path)).name)
    if number is not None and int(number.group(1)) != state['iter']:
        raise malformed(path, 'iter', f'{int(number.group(1))}, as the name says', state['iter'])
    for place, optimizer in enumerate(state['optimizers']):
        at = f'optimizers[{place}].'
        require(optimizer, {'state': SECTION, 'param_groups': SECTIONS}, path, at)
        for group_place, group in enumerate(optimizer['param_groups']):
            require(group, {'lr': NUMBER, 'params': COUNTS}, path, f'{at}param_groups[{group_place}].')
    for place, scheduler in enumerate(state['schedulers']):
        # A fork's scheduler may keep its place under another name.
        require(scheduler, {'last_epoch': COUNT} if 'last_epoch' in scheduler else {}, path, f'schedulers[{place}].')


def check_fits(state: Mapping[str, Any], optimizers: Sequence[Any], schedulers: Sequence[Any], path: Any) -> None:
    """Check that a state of :func:`check_state` is one of these optimizers and schedulers.

    Raises:
        CheckpointError: Their numbers, the optimizer's kind, its groups or the shapes of its moments are others.
    """
    for what, built in (('optimizers', optimizers), ('schedulers', schedulers)):
        if len(state[what]) != len(built):
            raise _other_run(path, f'{len(built)} {what}', len(state[what]))
    for place, (saved, scheduler) in enumerate(zip(state['schedulers'], schedulers)):
        if 'last_epoch' in scheduler.state_dict():
            require(saved, {'last_epoch': COUNT}, path, f'schedulers[{place}].')
    for place, (saved, optimizer) in enumerate(zip(state['optimizers'], optimizers)):
        groups = [len(group['params']) for group in optimizer.param_groups]
        found = [len(group['params']) for group in saved['param_groups']]
        if groups != found:
            raise _other_run(path, f'parameters in the groups of optimizer {place}: {groups}', found)
        for group, before in zip(optimizer.param_groups, saved['param_groups']):
            if (set(group) ^ set(before)) - _OF_ANY_OPTIMIZER:
                raise other_optimizer(path, type(optimizer).__name__, f'one with {", ".join(sorted(before))}')
        _check_moments(saved, optimizer, path, f'optimizers[{place}].state')


def other_optimizer(path: Any, now: str, before: str) -> CheckpointError:
    """Return the error of a state whose moments are those of an optimizer of another kind."""
    return CheckpointError(
        'The training state is that of another optimizer, whose moments this one cannot take up',
        where=path,
        expected=now,
        found=before,
        remedy='resume with the optimizer of that run, or start again from its weights by path.pretrain_network_g',
    )


def _check_moments(saved: Mapping[str, Any], optimizer: Any, path: Any, at: str) -> None:
    import torch

    parameters = [parameter for group in optimizer.param_groups for parameter in group['params']]
    numbers = [number for group in saved['param_groups'] for number in group['params']]
    needed = _needed_keys(optimizer)
    for number, moments in saved['state'].items():
        if number not in numbers:
            raise malformed(path, at, f'entries of the parameters 0 to {len(numbers) - 1}', number)
        require(moments, {}, path, f'{at}[{number}]')
        if moments and needed - set(moments):
            raise _other_run(
                path,
                f'moments of {type(optimizer).__name__}: {", ".join(sorted(needed))}',
                ', '.join(map(str, moments)),
            )
        shape = tuple(parameters[numbers.index(number)].shape)
        for key in _LIKE_THE_PARAMETER:
            moment = moments.get(key)
            if moment is not None and (not isinstance(moment, torch.Tensor) or tuple(moment.shape) != shape):
                raise malformed(path, f'{at}[{number}].{key}', f'a tensor of shape {shape}', moment)
        step = moments.get('step', 0)
        if not (_is_number(step) or (isinstance(step, torch.Tensor) and step.numel() == 1)):
            raise malformed(path, f'{at}[{number}].step', NUMBER.words, step)


def _needed_keys(optimizer: Any) -> set:
    import torch

    adams = (torch.optim.Adam, torch.optim.AdamW)
    if not isinstance(optimizer, adams):
        return set()
    largest = {'max_exp_avg_sq'} if any(group.get('amsgrad') for group in optimizer.param_groups) else set()
    return {'step', 'exp_avg', 'exp_avg_sq'} | largest


def _other_run(path: Any, expected: str, found: Any) -> CheckpointError:
    return CheckpointError(
        'The training state is that of another run: network, losses or optimizer were others',
        where=path,
        expected=expected,
        found=found,
        remedy='resume with the option file of that run, or start again from its weights by path.pretrain_network_g',
    )


def _shown(value: Any) -> str:
    shape: List[int] = list(getattr(value, 'shape', ()))
    text = f'a tensor of shape {tuple(shape)}' if hasattr(value, 'shape') else repr(value)
    return f'{type(value).__name__}: {text[:80]}'
