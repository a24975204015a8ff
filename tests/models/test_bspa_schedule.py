"""The schedule's arithmetic, against a count iteration by iteration and the published figures."""

from __future__ import annotations

import pytest

from bsr_plugins.models.bspa_schedule import BSPASchedule

PUBLISHED = BSPASchedule(total_iter=37500, interval_iter=2500, inverse_iter=2500)


def test_published_schedule_has_seven_rounds_and_ends_uniform() -> None:
    assert PUBLISHED.rounds == 7
    assert not PUBLISHED.is_inverse(37500)
    assert PUBLISHED.uniform_done(37500) == 20000
    assert PUBLISHED.inverse_done(37500) == 17500
    assert PUBLISHED.warnings() == []


def test_published_frozen_shares() -> None:
    shares = [PUBLISHED.frozen_share(0.1, number * 5000) for number in range(1, 8)]
    assert shares == pytest.approx([0.0125, 0.025, 0.0375, 0.05, 0.0625, 0.075, 0.0875])
    assert PUBLISHED.frozen_share(0.1, 37500) == pytest.approx(0.1)


@pytest.mark.parametrize('schedule', [PUBLISHED, BSPASchedule(23, 3, 2), BSPASchedule(10, 1, 1), BSPASchedule(7, 4, 9)])
def test_counts_equal_a_walk_through_the_run(schedule: BSPASchedule) -> None:
    inverse = rounds = 0
    for iteration in range(1, min(schedule.total_iter, 12000) + 1):
        inverse += schedule.is_inverse(iteration)
        assert schedule.inverse_done(iteration) == inverse
        assert schedule.uniform_done(iteration) == iteration - inverse
        stage_over = schedule.is_inverse(iteration) and not schedule.is_inverse(iteration + 1)
        rounds += stage_over and iteration < schedule.total_iter
        assert schedule.round_after(iteration) == (rounds if stage_over and iteration < schedule.total_iter else 0)
        assert schedule.ends_uniform_stage(iteration) == (
            iteration < schedule.total_iter
            and schedule.is_inverse(iteration + 1)
            and not schedule.is_inverse(iteration)
        )
    if schedule.total_iter <= 12000:
        assert schedule.rounds == rounds


def test_description_names_stage_and_place() -> None:
    assert PUBLISHED.describe(1) == 'uniform stage 1, iteration 1 of 2,500'
    assert PUBLISHED.describe(2501) == 'inverse stage 1, iteration 1 of 2,500'
    assert PUBLISHED.describe(37500) == 'uniform stage 8, iteration 2,500 of 2,500'


def test_warns_of_a_run_without_a_round() -> None:
    (warning,) = BSPASchedule(5000, 2500, 2500).warnings()
    assert 'never reaches an attribution round' in warning
    assert '5,001' in warning and '7,500' in warning


def test_warns_of_an_end_inside_an_inverse_stage() -> None:
    (warning,) = BSPASchedule(40000, 2500, 2500).warnings()
    assert 'ends inside an inverse stage' in warning
    assert '37,500' in warning and '42,500' in warning
