"""The guard's verdicts, its counters, and the error it stops with."""

from __future__ import annotations

import math

import pytest

from bsr_plugins.models.non_finite import (
    GRADIENT,
    OVERFLOW,
    SPOILED,
    UPDATE,
    NonFiniteGuard,
    describe,
    non_finite_error,
)

NAN, INF = math.nan, math.inf


def test_one_bad_batch_spoils_its_update_alone() -> None:
    guard = NonFiniteGuard('skip')
    assert guard.spoils([0.5, NAN]) and not guard.spoils([0.5, 0.1])
    assert guard.verdict(1.0, scaled=False) == SPOILED
    assert not guard.spoils([0.5]) and guard.verdict(1.0, scaled=False) == UPDATE
    assert (guard.skipped, guard.overflows, guard.in_row) == (1, 0, 0)


@pytest.mark.parametrize('norm', [NAN, INF])
def test_bad_gradients_are_the_scaler_s_affair_in_fp16_alone(norm: float) -> None:
    guard = NonFiniteGuard('skip')
    assert guard.verdict(norm, scaled=False) == GRADIENT
    assert guard.verdict(norm, scaled=True) == OVERFLOW
    guard.spoils([NAN])
    assert guard.verdict(norm, scaled=True) == SPOILED
    assert (guard.skipped, guard.overflows, guard.in_row) == (2, 1, 3)


def test_the_bound_counts_updates_in_a_row() -> None:
    guard = NonFiniteGuard('skip', limit=2)
    for norm, exhausted in ((NAN, False), (NAN, False), (1.0, False), (NAN, False), (NAN, False), (NAN, True)):
        guard.verdict(norm, scaled=False)
        assert guard.exhausted is exhausted


def test_state_goes_on() -> None:
    guard, other = NonFiniteGuard('skip'), NonFiniteGuard('skip')
    guard.verdict(INF, scaled=True)
    guard.spoils([INF])
    other.load_state(guard.state())
    assert other.state() == guard.state() == {'skipped': 0, 'overflows': 1, 'in_row': 1, 'spoiled': True}


def test_the_error_names_iteration_losses_files_and_the_way_back() -> None:
    error = non_finite_error(
        'A loss is not finite', 1234, {'l_pix': NAN, 'l_tv': 0.25}, None, ['a.png', 'b.png'], 'states/1000.state'
    )
    text = str(error)
    for part in (
        'A loss is not finite in iteration 1,234',
        'l_pix nan, l_tv 0.25',
        'a.png, b.png',
        '--auto_resume from states/1000.state',
        'train.non_finite: skip',
    ):
        assert part in text
    assert 'start again' in str(non_finite_error('A loss', 1, {}, INF, [], None))


def test_description() -> None:
    assert describe({'l_pix': 0.5}, INF) == 'l_pix 0.5, gradient norm inf'


def test_a_loss_that_leaps_spoils_its_update() -> None:
    guard = NonFiniteGuard('stop', max_jump=10)
    assert [guard.leaps(loss) for loss in (0.0, 0.009, 0.2, -0.05, 0.4)] == [False, False, True, False, False]
    assert guard.verdict(1.0, scaled=False) == SPOILED and guard.skipped == 1
    again = NonFiniteGuard('stop', max_jump=10)
    again.load_state(guard.state())
    assert again.leaps(4.1) and not again.leaps(3.9)
    assert not NonFiniteGuard('stop').leaps(1e30) and 'last_loss' not in NonFiniteGuard('stop').state()
