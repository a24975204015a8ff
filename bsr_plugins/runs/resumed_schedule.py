"""Optimizers and schedulers of a resumed run: their moments from the state, their settings from the option file."""

from __future__ import annotations

import copy
import inspect
import warnings
from typing import Any, Dict, List, Mapping, Set, Tuple

from bsr_plugins.common.errors import OptionError

# How torch computes a step is no matter of the option file.
_NO_SETTING = frozenset({'params', 'lr', 'foreach', 'fused', 'capturable', 'differentiable', 'maximize', 'last_epoch'})


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

    def changed(self, model: Any, state: Mapping[str, Any]) -> List[Tuple[str, Any, Any]]:
        """Return (name, value in the training state, value now) of each setting that is another one.

        Settings are what constructors take; what else there is moves in the course of a run (``T_cur``, ...).
        """
        found: Dict[str, Tuple[str, Any, Any]] = {}
        for optimizer, groups, saved in zip(model.optimizers, self.groups, state['optimizers']):
            names = _settings_of(optimizer) | {'initial_lr', 'decoupled_weight_decay'}
            for group, before in zip(groups, saved['param_groups']):
                # A state of an older torch lacks the keys that are new.
                for key in [key for key in group if key in names and key in before]:
                    _note(found, f'optimizer, {key}', before[key], group[key])
        for scheduler, settings, saved in zip(model.schedulers, self.schedulers, state['schedulers']):
            for key in [key for key in settings if key in _settings_of(scheduler)]:
                _note(found, f'scheduler, {key}', saved.get(key), settings[key])
            if 'base_lrs' in settings:
                _note(found, 'optimizer, initial_lr', saved.get('base_lrs'), settings['base_lrs'])
        return list(found.values())

    def apply(self, model: Any, iteration: int) -> None:
        """Give the settings back to a model that was resumed, as if they had been its from the first iteration.

        The schedule is walked through by BasicSR's own ``update_learning_rate``, warm-up included.

        Raises:
            OptionError: The schedule is not defined up to ``iteration``, or cannot be walked through.
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
                    raise _cannot_be_walked(model, step, iteration) from error


def _settings_of(built: Any) -> Set[str]:
    return set(inspect.signature(type(built).__init__).parameters) - _NO_SETTING


def _cannot_be_walked(model: Any, step: int, iteration: int) -> OptionError:
    if not any(hasattr(scheduler, 'cumulative_period') for scheduler in model.schedulers):
        return OptionError(
            'This schedule of the learning rate takes no new settings in the midst of a run',
            where='train.scheduler',
            found=', '.join(type(scheduler).__name__ for scheduler in model.schedulers),
            remedy='resume with the optim and scheduler that the state was saved with, or start again from its '
            'weights by path.pretrain_network_g',
        )
    return OptionError(
        'The schedule of the learning rate ends before the iteration that is resumed from',
        where='train.scheduler',
        expected=f'periods that add up to total_iter, {model.opt["train"].get("total_iter")}, or more',
        found=f'no learning rate from iteration {step:,} on, and the state is of {iteration:,}',
        remedy='give periods (and restart_weights) for the whole run',
    )


def _note(found: Dict[str, Tuple[str, Any, Any]], name: str, before: Any, now: Any) -> None:
    before, now = _comparable(before), _comparable(now)
    if _is_plain(now) and before != now:
        found.setdefault(name, (name, before, now))


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return dict(value)
    return list(value) if isinstance(value, (list, tuple)) else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
