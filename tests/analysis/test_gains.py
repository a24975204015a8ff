"""What is paired: common seeds, else runs in order; exact and missing values; a repeated run is no evidence."""

from __future__ import annotations

import math

import pytest

from bsr_plugins.analysis.gains import pair_scores


def run(*values):
    return {name: {'psnr_y': value} for name, value in zip('abc', values)}


def test_common_seeds_are_paired():
    pairs = pair_scores({0: run(3, 4), 2: run(5, 5), 3: run(9, 9)}, {2: run(1, 2), 0: run(1, 1)}, 'psnr_y')
    assert pairs.seeds == ((0, 0), (2, 2))
    assert pairs.differences.tolist() == [[2, 3], [4, 3]]
    assert pairs.images == ('a', 'b')


def test_of_one_seed_and_three_the_common_one_counts():
    pairs = pair_scores({1: run(3, 4)}, {0: run(0, 0), 1: run(1, 1), 2: run(2, 2)}, 'psnr_y')
    assert pairs.differences.tolist() == [[2, 3]]


def test_without_a_common_seed_runs_are_paired_in_order():
    pairs = pair_scores({5: run(3), None: run(7)}, {0: run(1), 1: run(2), 2: run(3)}, 'psnr_y')
    assert pairs.seeds == ((5, 0), (None, 1))
    assert pairs.differences.tolist() == [[2], [5]]


def test_a_seed_that_changed_nothing_counts_once():
    pairs = pair_scores({0: run(3, 4), 1: run(3, 4)}, {0: run(1, 1), 1: run(1, 1)}, 'psnr_y')
    assert pairs.seeds == ((0, 0),)


@pytest.mark.parametrize(
    ('ours', 'theirs', 'difference'), [(math.inf, math.inf, 0), (math.inf, 30, None), (math.nan, 30, None)]
)
def test_exact_and_missing_values(ours, theirs, difference):
    pairs = pair_scores({0: run(ours, 4)}, {0: run(theirs, 1)}, 'psnr_y')
    assert pairs.left_out == (() if difference == 0 else ('a',))
    assert pairs.differences.tolist() == [[0, 3] if difference == 0 else [3]]


def test_no_run():
    assert pair_scores({}, {0: run(1)}, 'psnr_y').differences.size == 0
    assert pair_scores({0: run(math.nan)}, {0: run(1)}, 'psnr_y').differences.size == 0
