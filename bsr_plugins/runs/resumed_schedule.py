"""Optimizers and schedulers of a resumed run: their moments from the state, their settings from the option file."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections import Counter
from typing import Any, Dict, List, Mapping, Tuple

from bsr_plugins.common.errors import OptionError

# Where a scheduler stands, not what it was told.
_PROGRESS = frozenset({'last_epoch', '_step_count', '_last_lr', '_get_lr_called_within_step', 'verbose', '_is_initial'})
# What an optimizer's group has beside its settings; how torch computes a step is no matter of the option file.
_NO_SETTING = frozenset({'params', 'param_names', 'lr', 'foreach', 'fused', 'capturable', 'differentiable', 'maximize'})


class Settings:
    """The settings that the option file has given to a model's optimizers and schedulers.

    Args:
        model: BasicSR's model, built and not yet resumed.
    """

    def __init__(self, model: Any) -> None:
        self.groups: List[List[Dict[str, Any]]] = [
            [{key: value for key, value in group.items() if key != 'params'} for group in optimizer.param_groups]
            for optimizer in model.optimizers
        ]
        self.schedulers = [copy.deepcopy(scheduler.state_dict()) for scheduler in model.schedulers]

    def changed(self, state: Mapping[str, Any]) -> List[Tuple[str, Any, Any]]:
        """Return (name, value in the training state, value now) of each setting that is another one."""
        found: Dict[str, Tuple[str, Any, Any]] = {}
        for groups, saved in zip(self.groups, state['optimizers']):
            for group, before in zip(groups, saved['param_groups']):
                # A state of an older torch lacks the keys that are new.
                for key in [key for key in group if key not in _NO_SETTING and key in before]:
                    _note(found, f'optimizer, {key}', before[key], group[key])
        for scheduler, saved in zip(self.schedulers, state['schedulers']):
            for key in [key for key in scheduler if key not in _PROGRESS and key != 'base_lrs']:
                _note(found, f'scheduler, {key}', saved.get(key), scheduler[key])
            _note(found, 'optimizer, initial_lr', saved.get('base_lrs'), scheduler.get('base_lrs'))
        return list(found.values())

    def apply(self, model: Any, iteration: int) -> None:
        """Give the settings back to a model that was resumed, as if they had been its from the first iteration.

        The schedule is walked through by BasicSR's own ``update_learning_rate``, warm-up included.

        Raises:
            OptionError: The schedule is not defined up to ``iteration``.
        """
        for optimizer, groups in zip(model.optimizers, self.groups):
            for group, settings in zip(optimizer.param_groups, groups):
                group.update(copy.deepcopy(settings))
        for scheduler, state in zip(model.schedulers, self.schedulers):
            scheduler.load_state_dict(copy.deepcopy(state))
        # Wrappers of the pack take a call for the beginning of an iteration.
        update = inspect.unwrap(type(model).update_learning_rate)
        warmup = model.opt['train'].get('warmup_iter', -1)
        with warnings.catch_warnings():
            # Of steps of the schedule without steps of the optimizer.
            warnings.simplefilter('ignore', UserWarning)
            for step in range(1, iteration + 1):
                try:
                    update(model, step, warmup_iter=warmup)
                except (TypeError, IndexError) as error:
                    raise OptionError(
                        'The schedule of the learning rate ends before the iteration that is resumed from',
                        where='train.scheduler',
                        expected=f'periods that add up to total_iter, {model.opt["train"].get("total_iter")}, or more',
                        found=f'no learning rate from iteration {step:,} on, and the state is of {iteration:,}',
                        remedy='give periods (and restart_weights) for the whole run',
                    ) from error


def _note(found: Dict[str, Tuple[str, Any, Any]], name: str, before: Any, now: Any) -> None:
    before, now = _comparable(before), _comparable(now)
    if before != now:
        found.setdefault(name, (name, before, now))


def _comparable(value: Any) -> Any:
    if isinstance(value, (Counter, dict)):
        return dict(value)
    return list(value) if isinstance(value, (list, tuple)) else value
