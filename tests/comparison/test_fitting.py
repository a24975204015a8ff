"""A schedule at its shares of another length."""

from __future__ import annotations

import copy

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.comparison.fitting import fitted


def options(**train):
    return {'train': {'total_iter': 1000, **train}, 'val': {'val_freq': 100}}


def test_milestones_warm_up_and_validations_keep_their_shares() -> None:
    base = options(scheduler={'type': 'MultiStepLR', 'milestones': [500, 999]}, warmup_iter=100)
    before = copy.deepcopy(base)
    made = fitted(base, 100)
    assert base == before
    assert made['train'] == {
        'total_iter': 100,
        'scheduler': {'type': 'MultiStepLR', 'milestones': [50, 100]},
        'warmup_iter': 10,
    }
    assert made['val']['val_freq'] == 10
    assert fitted(base, 4000)['train']['scheduler']['milestones'] == [2000, 3996]
    assert fitted(base, 1000) == base


def test_a_shorter_run_has_at_most_15_validations() -> None:
    base = options()
    base['val']['val_freq'] = 1
    assert fitted(base, 300)['val']['val_freq'] == 20
    assert fitted(base, 2000)['val']['val_freq'] == 2


def test_periods_add_up_and_those_that_vanish_go_with_their_weights() -> None:
    scheduler = {'type': 'CosineAnnealingRestartLR', 'periods': [250, 250, 500], 'restart_weights': [1, 2, 3]}
    assert fitted(options(scheduler=scheduler), 100)['train']['scheduler']['periods'] == [25, 25, 50]
    short = fitted(options(scheduler=scheduler), 1)['train']['scheduler']
    assert sum(short['periods']) == 1 and len(short['periods']) == len(short['restart_weights'])


def test_stages_fit_and_hold_whole_updates() -> None:
    made = fitted(options(bspa={'interval_iter': 100, 'inverse_iter': 100, 'beta': 0.1}, accumulate=2), 60)
    stages = made['train']['bspa']
    assert stages['beta'] == 0.1
    assert stages['interval_iter'] % 2 == stages['inverse_iter'] % 2 == 0
    assert stages['interval_iter'] + stages['inverse_iter'] < 60
    with pytest.raises(OptionError):
        fitted(options(bspa={}), 2)
