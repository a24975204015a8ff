"""Golden numbers of BSPA's Eq. 2 to 4 and the properties that hold for every policy."""

from __future__ import annotations

import numpy as np
import pytest

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.sampling.long_tail import (
    attenuation_factor,
    class_counts,
    class_probabilities,
    classify_by_thresholds,
    difficulty_order,
    rank_into_classes,
)
from cases import every


@pytest.mark.parametrize(
    'num_items, expected',
    [
        (499875, [122310, 94700, 73323, 56771, 43956, 34034, 26351, 20402, 15797, 12231]),
        (502200, [122879, 95140, 73664, 57036, 44160, 34192, 26473, 20498, 15870, 12288]),
    ],
)
def test_counts_of_the_paper(num_items, expected):
    counts = class_counts(num_items, num_classes=10, imbalance_factor=10)
    assert counts.tolist() == expected
    assert counts[0] / counts[-1] == pytest.approx(10.0, abs=1e-3)


def test_probabilities_of_the_paper():
    probabilities = class_probabilities(class_counts(499875))
    expected = [0.024468, 0.031602, 0.040815, 0.052715, 0.068084, 0.087934, 0.113571, 0.146682, 0.189448, 0.244681]
    assert probabilities == pytest.approx(expected, abs=5e-6)  # N_k are whole numbers: 4e-6 off the shares reversed
    shares = attenuation_factor(10, 10) ** np.arange(10)
    assert (shares / shares.sum())[::-1] == pytest.approx(expected, abs=6e-7)
    weights = class_counts(499875).max() / class_counts(499875)
    assert weights == pytest.approx(
        [1, 1.29155, 1.66810, 2.15443, 2.78256, 3.59381, 4.64159, 5.99484, 7.74264, 10], rel=1e-4
    )
    assert weights.sum() == pytest.approx(40.86953, rel=1e-4)


def test_tiny_set_by_hand():
    assert attenuation_factor(3, 4) == pytest.approx(0.5)
    assert class_counts(700, 3, 4).tolist() == [400, 200, 100]
    assert class_counts(100, 3, 4).tolist() == [57, 29, 14]
    assert class_probabilities([4, 2, 1]) == pytest.approx([1 / 7, 2 / 7, 4 / 7])


@pytest.mark.parametrize(
    'num_classes, imbalance_factor, mu',
    [
        (10, 10, 0.774264),
        (5, 10, 0.562341),
        (20, 10, 0.885867),
        (10, 50, 0.647479),
        (10, 100, 0.599484),
        (10, 200, 0.555047),
    ],
)
def test_attenuation_factor(num_classes, imbalance_factor, mu):
    assert attenuation_factor(num_classes, imbalance_factor) == pytest.approx(mu, abs=1e-6)


@every('num_items', [1, 2, 3, 10, 37, 100, 1001, 499875])
@every('num_classes', [1, 2, 3, 5, 10, 20, 37])
@every('imbalance_factor', [1, 1.5, 10, 200])
def test_counts_sum_and_fall(num_items, num_classes, imbalance_factor):
    try:
        counts = class_counts(num_items, num_classes, imbalance_factor)
    except OptionError:
        # Refused only where even the ideal smallest class is below one item.
        shares = attenuation_factor(num_classes, imbalance_factor) ** np.arange(num_classes)
        assert num_items * shares[-1] / shares.sum() < 1
        return
    assert counts.sum() == num_items and counts.min() >= 1
    assert (np.diff(counts) <= 1).all()  # cumulative rounding moves an edge by at most half an item each side
    assert class_probabilities(counts).sum() == pytest.approx(1.0)


def test_ratio_is_the_imbalance_factor():
    for num_classes in (2, 5, 20):
        for imbalance_factor in (2, 10, 100):
            counts = class_counts(10**7, num_classes, imbalance_factor)
            assert counts[0] / counts[-1] == pytest.approx(imbalance_factor, rel=1e-3)


def test_per_sample_ratio_is_the_square_of_the_imbalance_factor():
    counts = class_counts(10**7)
    per_sample = class_probabilities(counts) / counts
    assert per_sample[-1] / per_sample[0] == pytest.approx(100, rel=1e-3)


def test_one_class_and_one_class_an_item():
    assert class_counts(7, 1, 10).tolist() == [7]
    assert class_counts(12, 12, 1).tolist() == [1] * 12


def test_a_flat_policy_has_equal_classes():
    assert class_counts(100, 4, 1).tolist() == [25] * 4
    assert class_probabilities([25] * 4).tolist() == [0.25] * 4


@pytest.mark.parametrize(
    'num_items, num_classes, imbalance_factor',
    [
        (5, 10, 10),
        (20, 10, 10),
        (20, 10, 200),
        (50, 20, 100),
        (1, 2, 10),
    ],
)
def test_an_empty_class_is_refused_and_the_remedy_works(num_items, num_classes, imbalance_factor):
    with pytest.raises(OptionError, match='would be empty') as caught:
        class_counts(num_items, num_classes, imbalance_factor)
    words = caught.value.remedy.replace(',', '').split()
    advised = {
        name: int(words[words.index(f'{name}:') + 1])
        for name in ('num_classes', 'imbalance_factor')
        if f'{name}:' in words
    }
    assert advised
    if 'num_classes' in advised:
        fewer = advised['num_classes']
        assert class_counts(num_items, fewer, imbalance_factor).min() >= 1
        with pytest.raises(OptionError):
            class_counts(num_items, fewer + 1, imbalance_factor)
    if 'imbalance_factor' in advised:
        flatter = advised['imbalance_factor']
        assert class_counts(num_items, num_classes, flatter).min() >= 1
        with pytest.raises(OptionError):
            class_counts(num_items, num_classes, flatter + 1)


def test_no_items_at_all():
    with pytest.raises(OptionError, match='there are none'):
        class_counts(0)


@pytest.mark.parametrize('num_classes', [0, -1, 2.5, True, '10', None])
def test_num_classes_out_of_range(num_classes):
    with pytest.raises(OptionError, match='(?s)num_classes.*whole number >= 1'):
        class_counts(100, num_classes, 10)


@pytest.mark.parametrize('imbalance_factor', [0, 0.5, -10, float('inf'), float('nan'), '10', True, None])
def test_imbalance_factor_out_of_range(imbalance_factor):
    with pytest.raises(OptionError, match='(?s)imbalance_factor.*number >= 1'):
        class_counts(100, 10, imbalance_factor)


@pytest.mark.parametrize('counts', [[], [3, 0], [-1, 2]])
def test_probabilities_of_an_empty_class(counts):
    with pytest.raises(OptionError, match='empty class'):
        class_probabilities(counts)


def test_ranking_by_hand():
    keys = ['d', 'c', 'b', 'a', 'e', 'f', 'g']
    mse = [0.9, 0.1, 0.1, 0.1, 0.5, 0.3, 0.2]
    ranked = rank_into_classes(keys, mse, [4, 2, 1])
    assert ranked.class_index.tolist() == [2, 0, 0, 0, 1, 1, 0]
    assert ranked.thresholds.tolist() == [0.2, 0.5, 0.9]
    assert difficulty_order(keys, mse).tolist() == [3, 2, 1, 6, 5, 4, 0]


def test_classes_do_not_depend_on_the_order_of_the_items():
    rng = np.random.default_rng(0)
    keys = np.array([f'{n:04d}_s{s:03d}' for n in range(20) for s in range(10)])
    mse = rng.choice([0.0, 0.01, 0.02, 0.5], keys.size)  # many ties, some over a class edge
    counts = class_counts(keys.size, 5, 10)
    ranked = rank_into_classes(keys, mse, counts)
    assert np.bincount(ranked.class_index).tolist() == counts.tolist()
    shuffled = rng.permutation(keys.size)
    again = rank_into_classes(keys[shuffled], mse[shuffled], counts)
    assert (again.class_index == ranked.class_index[shuffled]).all()
    assert again.thresholds.tolist() == ranked.thresholds.tolist()


def test_classes_do_not_depend_on_the_scale_of_the_errors():
    rng = np.random.default_rng(1)
    keys, mse = [str(n) for n in range(300)], rng.random(300)
    counts = class_counts(300)
    first, second = rank_into_classes(keys, mse, counts), rank_into_classes(keys, mse * 65025, counts)
    assert (first.class_index == second.class_index).all()


def test_thresholds_give_the_training_classes_back():
    rng = np.random.default_rng(2)
    keys, mse = [str(n) for n in range(500)], rng.random(500)
    ranked = rank_into_classes(keys, mse, class_counts(500))
    assert (classify_by_thresholds(mse, ranked.thresholds) == ranked.class_index).all()


def test_other_data_is_classed_by_the_thresholds():
    classes = classify_by_thresholds([0, 0.2, 0.21, 0.5, 0.50001, 0.9, 7], [0.2, 0.5, 0.9])
    assert classes.tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert classify_by_thresholds([0, 9], [0.3]).tolist() == [0, 0]


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -1.0])
def test_a_difficulty_that_is_no_error_is_named(value):
    with pytest.raises(DataError, match="difficulty of 'b'"):
        rank_into_classes(['a', 'b'], [0.1, value], [1, 1])


def test_lengths_must_agree():
    with pytest.raises(DataError, match='as many difficulties as keys'):
        rank_into_classes(['a', 'b'], [0.1], [1])
    with pytest.raises(DataError, match='do not sum'):
        rank_into_classes(['a', 'b'], [0.1, 0.2], [1])


@pytest.mark.parametrize(('num_items', 'num_classes'), [(500_000, 10**6), (48, 2**63 - 1), (0, 1)])
def test_far_too_many_classes_are_refused_at_once(num_items: int, num_classes: int) -> None:
    with pytest.raises(OptionError) as caught:
        class_counts(num_items, num_classes, 10)
    remedy = str(caught.value.remedy)
    if num_items:
        fewer = int(remedy.partition('num_classes: ')[2].split(',')[0])
        assert class_counts(num_items, fewer, 10).all()
    else:
        assert 'there are none' in remedy
