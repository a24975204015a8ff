"""Closest names."""

from __future__ import annotations

import pytest

from bsr_plugins.common.naming import closest_name, did_you_mean, edit_distance, misspelt


def test_closest_name_ignores_case_and_finds_nothing_far_off() -> None:
    valid = ['InverseSampledLMDBDataset', 'PairedImageDataset']
    assert closest_name('inversesampledlmdbdataset', valid) == 'InverseSampledLMDBDataset'
    assert closest_name('PairedImagDataset', valid) == 'PairedImageDataset'
    assert closest_name('zzz', valid) is None


def test_did_you_mean_lists_the_names_where_none_is_near() -> None:
    assert did_you_mean('bet', ['beta', 'scope']) == "did you mean 'beta'?"
    assert did_you_mean('zzz', ['beta', 'scope']) == 'valid names: beta, scope'


@pytest.mark.parametrize(
    ('left', 'right', 'distance'),
    [
        ('', '', 0),
        ('a', '', 1),
        ('abc', 'abc', 0),
        ('ema_decy', 'ema_decay', 1),
        ('nmae', 'name', 1),
        ('warmup_iter', 'warm_up_iter', 1),
        ('kitten', 'sitting', 3),
        ('abcd', 'badc', 2),
    ],
)
def test_edit_distance(left: str, right: str, distance: int) -> None:
    assert edit_distance(left, right) == edit_distance(right, left) == distance


@pytest.mark.parametrize(
    ('name', 'valid', 'found'),
    [
        ('ema_decy', ['ema_decay', 'optim_g'], 'ema_decay'),
        ('acumulat', ['accumulate'], 'accumulate'),
        ('acumlat', ['accumulate'], None),  # three letters
        ('betta', ['beta', 'betas'], 'beta'),
        ('nmae', ['name'], 'name'),
        ('neam', ['name'], None),  # one letter in short names
        ('m', ['d', 's'], None),
        ('lr', ['lr'], None),  # it is right
        ('x', [], None),
    ],
)
def test_misspelt(name: str, valid: list, found: str) -> None:
    assert misspelt(name, valid) == found
