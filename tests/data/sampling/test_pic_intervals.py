"""Intervals of PIC: edges, membership, the quotas of a batch and the nearest interval that has patches."""

from __future__ import annotations

import numpy as np
import pytest

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.sampling.pic_intervals import batch_quotas, interval_edges, interval_of, nearest_filled


def random(seed=0):
    return np.random.default_rng(seed)


def test_edges_have_equal_width_from_0_to_pic_max():
    assert interval_edges(8, 4).tolist() == [0, 2, 4, 6, 8]
    assert interval_edges(0.5, 1).tolist() == [0, 0.5]


@pytest.mark.parametrize('pic_max', [0, -1.0, float('nan'), float('inf'), True, '3', None, 'auto'])
def test_pic_max_out_of_range(pic_max):
    with pytest.raises(OptionError, match='(?s)pic_max.*number > 0') as caught:
        interval_edges(pic_max, 16)
    assert caught.value.found == repr(pic_max)


@pytest.mark.parametrize('num_intervals', [0, -2, 2.0, True, None])
def test_number_of_intervals_out_of_range(num_intervals):
    with pytest.raises(OptionError, match='(?s)num_intervals.*whole number >= 1'):
        interval_edges(1.0, num_intervals)
    with pytest.raises(OptionError, match='(?s)num_intervals.*whole number >= 1'):
        batch_quotas(16, num_intervals, random())


def test_membership():
    edges = interval_edges(8, 4)
    assert interval_of([0, 1.9, 2, 7.9, 8, 100], edges).tolist() == [0, 0, 1, 3, 3, 3]
    assert interval_of(np.array([[0.0], [5.0]]), edges).tolist() == [[0], [2]]
    assert interval_of(3.0, edges) == 1
    assert interval_of([0, 99], interval_edges(1, 1)).tolist() == [0, 0]


@pytest.mark.parametrize('pic', [-0.1, float('nan')])
def test_what_is_no_pic(pic):
    with pytest.raises(DataError, match='negative or not a number'):
        interval_of([1.0, pic], interval_edges(1, 2))


def test_quotas_of_the_paper():
    assert batch_quotas(16, 16, random()).tolist() == [1] * 16


@pytest.mark.parametrize(('batch_size', 'num_intervals'), [(1, 16), (5, 16), (16, 5), (32, 16), (33, 16), (7, 1)])
def test_quotas_share_the_batch_out(batch_size, num_intervals):
    quotas = np.array([batch_quotas(batch_size, num_intervals, random(seed)) for seed in range(400)])
    assert (quotas.sum(axis=1) == batch_size).all()
    assert quotas.min() == batch_size // num_intervals
    assert quotas.max() == -(-batch_size // num_intervals)
    assert np.abs(quotas.mean(axis=0) - batch_size / num_intervals).max() < 0.13


def test_quotas_are_a_function_of_the_generator():
    assert batch_quotas(5, 16, random(3)).tolist() == batch_quotas(5, 16, random(3)).tolist()
    assert len({tuple(batch_quotas(5, 16, random(seed))) for seed in range(20)}) > 15


@pytest.mark.parametrize('batch_size', [0, -1, 1.5])
def test_batch_size_out_of_range(batch_size):
    with pytest.raises(OptionError, match='(?s)batch_size.*whole number >= 1'):
        batch_quotas(batch_size, 4, random())


def test_nearest_interval():
    available = np.array([True, False, False, False, True, True])
    assert [nearest_filled(k, available, random()) for k in (0, 1, 3, 4, 5)] == [0, 0, 4, 4, 5]
    ties = [nearest_filled(2, available, random(seed)) for seed in range(100)]
    assert set(ties) == {0, 4}
    assert 30 < ties.count(0) < 70


def test_no_nearest_interval():
    with pytest.raises(DataError, match='No interval'):
        nearest_filled(1, np.zeros(3, bool), random())
    for wanted in (-1, 3):
        with pytest.raises(IndexError, match=f'there is no interval {wanted}'):
            nearest_filled(wanted, np.ones(3, bool), random())
