"""Which settings of optimizers and schedulers count as changed, and schedules that cannot take new ones."""

from __future__ import annotations

import copy
from typing import Any, Callable, Dict

import pytest
import torch
from torch.optim import lr_scheduler

from bsr_plugins.common.errors import OptionError
from bsr_plugins.runs.resumed_schedule import Settings


class Model:
    """As BasicSR's BaseModel."""

    def __init__(self, scheduler: Callable[[Any], Any], lr: float = 0.1, **adam: Any) -> None:
        self.opt = {'train': {'total_iter': 20}}
        self.optimizers = [torch.optim.Adam([torch.nn.Parameter(torch.ones(2))], lr, **adam)]
        self.schedulers = [scheduler(self.optimizers[0])]

    def update_learning_rate(self, current_iter: int, warmup_iter: int = -1) -> None:
        if current_iter > 1:
            for scheduler in self.schedulers:
                scheduler.step()

    def trained(self, iterations: int) -> Dict[str, Any]:
        """Return the state after so many iterations."""
        for iteration in range(1, iterations + 1):
            self.update_learning_rate(iteration)
            self.optimizers[0].step()
        return copy.deepcopy(
            {
                'optimizers': [optimizer.state_dict() for optimizer in self.optimizers],
                'schedulers': [scheduler.state_dict() for scheduler in self.schedulers],
            }
        )


SCHEDULERS: Dict[str, Callable[[Any], Any]] = {
    'MultiStepLR': lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [3, 3, 5]),
    'CosineAnnealingLR': lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 9),
    'CosineAnnealingWarmRestarts': lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, 2),
    'OneCycleLR': lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=20, cycle_momentum=False),
    'LambdaLR': lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch),
}


@pytest.mark.parametrize('name', SCHEDULERS)
def test_what_moves_in_the_course_of_a_run_is_no_change(name: str) -> None:
    state = Model(SCHEDULERS[name]).trained(7)
    model = Model(SCHEDULERS[name])
    assert Settings(model).changed(model, state) == []


def test_settings_are_named() -> None:
    state = Model(SCHEDULERS['MultiStepLR']).trained(7)
    model = Model(lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [4], 0.5), 0.2, betas=(0.8, 0.9))
    assert Settings(model).changed(model, state) == [
        ('optimizer, betas', [0.9, 0.999], [0.8, 0.9]),
        ('optimizer, initial_lr', 0.1, 0.2),
        ('scheduler, milestones', {3: 2, 5: 1}, {4: 1}),
        ('scheduler, gamma', 0.1, 0.5),
    ]


@pytest.mark.parametrize('name', SCHEDULERS)
def test_a_schedule_is_walked_through(name: str) -> None:
    model, whole = Model(SCHEDULERS[name]), Model(SCHEDULERS[name])
    settings = Settings(model)
    state = whole.trained(7)
    model.trained(3)
    settings.apply(model, 7)
    assert model.optimizers[0].param_groups[0]['lr'] == state['optimizers'][0]['param_groups'][0]['lr']
    assert model.schedulers[0].last_epoch == state['schedulers'][0]['last_epoch']


def test_a_schedule_that_asks_for_more_is_refused() -> None:
    model = Model(lr_scheduler.ReduceLROnPlateau)
    with pytest.raises(OptionError, match='takes no new settings') as caught:
        Settings(model).apply(model, 7)
    assert 'ReduceLROnPlateau' in str(caught.value)


def test_periods_that_are_through_are_refused() -> None:
    model = Model(
        lambda optimizer: pytest.importorskip('basicsr.models.lr_scheduler').CosineAnnealingRestartLR(optimizer, [5])
    )
    with pytest.raises(OptionError, match='ends before the iteration') as caught:
        Settings(model).apply(model, 9)
    assert 'add up to total_iter, 20' in str(caught.value) and 'from iteration 7 on' in str(caught.value)


def test_wrappers_of_the_pack_see_nothing_of_the_walk() -> None:
    calls = []

    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        calls.append(args)

    wrapper.__wrapped__ = Model.update_learning_rate  # type: ignore[attr-defined]
    model = Model(SCHEDULERS['MultiStepLR'])
    kind = type('Wrapped', (Model,), {'update_learning_rate': wrapper})
    model.__class__ = kind
    Settings(model).apply(model, 7)
    assert calls == [] and model.schedulers[0].last_epoch == 6
