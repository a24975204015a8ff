"""The draws of balanced batches: exact quotas, pure functions, images by their share, what is missing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bsr_plugins.data.sampling.balanced_draws import BalancedDraws


def table(images=40, intervals=4, seed=0):
    fractions = np.random.default_rng(seed).dirichlet(np.ones(intervals), images)
    return fractions.astype(np.float32)


def wanted_counts(picks, intervals=4):
    return np.bincount([pick.wanted for pick in picks], minlength=intervals)


@pytest.mark.parametrize('batch_size, intervals', [(16, 16), (8, 4), (10, 4), (3, 16), (1, 4), (5, 1)])
def test_quotas_are_exact(batch_size, intervals):
    draws = BalancedDraws(table(intervals=intervals), 50, 7)
    for first in range(0, 20 * batch_size, batch_size):
        picks = draws.batch(range(first, first + batch_size), batch_size)
        counts = np.bincount([pick.interval for pick in picks], minlength=intervals)
        assert len(picks) == batch_size and counts.max() - counts.min() <= 1
        assert all(pick.interval == pick.wanted for pick in picks)


def test_sixteen_of_sixteen_is_one_of_each():
    picks = BalancedDraws(table(intervals=16), 50, 7).batch(range(16), 16)
    assert sorted(pick.interval for pick in picks) == list(range(16))


def test_remainders_are_spread_over_all_intervals():
    draws = BalancedDraws(table(), 50, 7)
    counts = sum(wanted_counts(draws.batch(range(5 * n, 5 * n + 5), 5)) for n in range(400))
    assert counts == pytest.approx(500, rel=0.1) and len(set(counts)) > 1


def test_a_batch_is_a_function_of_seed_and_numbers():
    draws, again, other = (BalancedDraws(table(), 50, seed) for seed in (7, 7, 8))
    batches = [draws.batch(range(n, n + 8), 8) for n in range(0, 80, 8)]
    assert [again.batch(range(n, n + 8), 8) for n in reversed(range(0, 80, 8))] == batches[::-1]
    assert draws.batch([0, 1, 2], 8) != draws.batch([0, 1, 3], 8)
    assert other.batch(range(8), 8) != batches[0]
    assert len(set(map(tuple, batches))) == 10


def test_positions_of_the_intervals_in_the_batch_are_random():
    first = [BalancedDraws(table(), 50, 7).batch(range(n, n + 4), 4)[0].interval for n in range(0, 800, 4)]
    assert np.bincount(first) == pytest.approx(50, rel=0.5)


@pytest.mark.parametrize('num_images, expected', [(1, 1), (3, 3), (8, 8), (500, 40)])
def test_a_batch_draws_from_that_many_images(num_images, expected):
    # Equal shares, so that every image of the M is as good as any other.
    draws = BalancedDraws(np.full((40, 4), 0.25, np.float32), 50, 7)
    picks = draws.batch(range(2000), num_images)
    assert len({pick.image for pick in picks}) == expected


def test_images_are_drawn_by_their_share_of_the_interval():
    fractions = np.array([[0.9, 0.1], [0.5, 0.5], [0.0, 1.0], [1.0, 0.0]], np.float32)
    picks = BalancedDraws(fractions, 50, 7).batch(range(40000), 4)
    for interval in (0, 1):
        images = np.bincount([pick.image for pick in picks if pick.interval == interval], minlength=4)
        assert images / images.sum() == pytest.approx(fractions[:, interval] / fractions[:, interval].sum(), abs=0.01)
    places = np.array([pick.place for pick in picks])
    assert places.min() >= 0 and places.max() < 1 and places.mean() == pytest.approx(0.5, abs=0.01)


def rare(images=400):
    """Only one image has the last interval; nobody has interval 1."""
    fractions = np.zeros((images, 4), np.float32)
    fractions[:, 0], fractions[:, 2] = 0.5, 0.5
    fractions[17] = [0.25, 0, 0.25, 0.5]
    return fractions


def test_further_sets_of_images_are_looked_up():
    draws = BalancedDraws(rare(), 2000, 7)
    for first in range(0, 40, 4):
        pick = next(pick for pick in draws.batch(range(first, first + 4), 8) if pick.wanted == 3)
        assert pick.interval == 3 and pick.image == 17


def test_what_is_not_found_comes_from_the_nearest_interval_of_the_images():
    draws = BalancedDraws(rare(), 0, 7)
    assert draws.empty_intervals.tolist() == [False, True, False, False]
    picks = [pick for first in range(0, 800, 4) for pick in draws.batch(range(first, first + 4), 8)]
    pairs = Counter((pick.wanted, pick.interval) for pick in picks)
    assert pairs[3, 2] > 180 and pairs[3, 2] + pairs[3, 3] == 200
    # Interval 1 lies between two that are there: either one, by chance.
    assert pairs[1, 0] + pairs[1, 2] == 200 and 60 < pairs[1, 0] < 140
    assert pairs[0, 0] == pairs[2, 2] == 200


def test_nothing_is_looked_up_for_an_interval_that_no_image_has(monkeypatch):
    draws = BalancedDraws(rare(), 1000, 7)
    looked = []
    original = draws._draw_images
    monkeypatch.setattr(draws, '_draw_images', lambda *args: looked.append(args) or original(*args))
    for number in range(100):
        (pick,) = draws.batch([number], 8)
        if pick.wanted == 1:
            assert len(looked) == 1
        looked.clear()


def test_no_numbers_is_no_batch():
    assert BalancedDraws(table(), 50, 7).batch([], 8) == []


@pytest.mark.parametrize('number, error', [(-1, IndexError), (1.5, TypeError), ('3', TypeError), (None, TypeError)])
def test_numbers(number, error):
    with pytest.raises(error):
        BalancedDraws(table(), 50, 7).batch([0, number], 8)
