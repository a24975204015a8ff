"""Numbered draws: their distribution, and that a draw depends on seed and number alone."""

from __future__ import annotations

import numpy as np
import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.sampling.class_draws import ClassDraws
from bsr_plugins.data.sampling.long_tail import class_counts, class_probabilities

# Upper 1e-6 points of the chi-square distribution, by degrees of freedom: a sound generator fails once in a million.
CHI_SQUARE = {9: 44.8, 19: 63.0, 99: 178.0}


def chi_square(observed, expected):
    return float((((observed - expected) ** 2) / expected).sum())


def classes_of(counts):
    return np.random.default_rng(5).permutation(np.repeat(np.arange(len(counts)), counts))


def draws_of(draws, numbers):
    return np.array([draws.draw(number) for number in numbers])


def test_classes_follow_eq_4():
    counts = class_counts(5000)
    class_index = classes_of(counts)
    drawn = draws_of(ClassDraws(class_index, 'inverse', seed=3), range(20000))
    observed = np.bincount(drawn[:, 0], minlength=10)
    assert chi_square(observed, 20000 * class_probabilities(counts)) < CHI_SQUARE[9]
    assert (class_index[drawn[:, 1]] == drawn[:, 0]).all()


def test_members_of_a_class_are_drawn_alike():
    class_index = classes_of([20, 10])
    drawn = draws_of(ClassDraws(class_index, 'inverse', seed=1), range(9000))
    easiest = drawn[drawn[:, 0] == 0, 1]
    observed = np.bincount(easiest, minlength=30)[class_index == 0]
    assert chi_square(observed, easiest.size / 20) < CHI_SQUARE[19]


def test_uniform_draws_every_item_alike():
    class_index = classes_of(class_counts(100, 5, 10))
    draws = ClassDraws(class_index, 'uniform', seed=1)
    drawn = draws_of(draws, range(20000))
    assert chi_square(np.bincount(drawn[:, 1], minlength=100), 200.0) < CHI_SQUARE[99]
    assert (class_index[drawn[:, 1]] == drawn[:, 0]).all()
    assert draws.probabilities == pytest.approx(class_counts(100, 5, 10) / 100)


def test_a_draw_depends_on_seed_and_number_alone():
    class_index = classes_of(class_counts(1000))
    first, second = (ClassDraws(class_index, 'inverse', seed=7) for _ in range(2))
    numbers = np.random.default_rng(0).permutation(500)
    forwards, scrambled = draws_of(first, range(500)), draws_of(second, numbers)
    assert (forwards[numbers] == scrambled).all()
    assert draws_of(ClassDraws(class_index, 'inverse', seed=8), range(500)).tolist() != forwards.tolist()


def test_neighbouring_draws_and_seeds_are_uncorrelated():
    class_index = np.arange(1000)
    ranks = [draws_of(ClassDraws(class_index, 'uniform', seed), range(4000))[:, 1] for seed in (10, 11)]
    assert abs(np.corrcoef(ranks[0], ranks[1])[0, 1]) < 0.08
    assert abs(np.corrcoef(ranks[0][1:], ranks[0][:-1])[0, 1]) < 0.08


def test_large_numbers_and_seeds():
    draws = ClassDraws(np.zeros(10, int), 'inverse', seed=2**64 - 1)
    assert draws.draw(2**62) == draws.draw(np.int64(2**62))
    assert draws.draw(0).class_index == 0


def test_what_is_no_draw_number():
    draws = ClassDraws(np.zeros(3, int), 'inverse', seed=0)
    with pytest.raises(IndexError, match='there is no draw -1'):
        draws.draw(-1)
    for number in (1.0, '1', None):
        with pytest.raises(TypeError):
            draws.draw(number)


def test_unknown_sampling():
    with pytest.raises(OptionError, match="did you mean 'inverse'") as caught:
        ClassDraws(np.zeros(3, int), 'invers', seed=0)
    assert caught.value.expected == 'inverse or uniform'


def test_an_empty_class():
    with pytest.raises(OptionError, match='empty class'):
        ClassDraws(np.array([0, 0, 2]), 'inverse', seed=0)
