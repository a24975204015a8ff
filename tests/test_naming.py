"""Closest names."""
from __future__ import annotations

from bsr_plugins.naming import closest_name, did_you_mean


def test_closest_name_ignores_case_and_finds_nothing_far_off() -> None:
    valid = ['InverseSampledLMDBDataset', 'PairedImageDataset']
    assert closest_name('inversesampledlmdbdataset', valid) == 'InverseSampledLMDBDataset'
    assert closest_name('PairedImagDataset', valid) == 'PairedImageDataset'
    assert closest_name('zzz', valid) is None


def test_did_you_mean_lists_the_names_where_none_is_near() -> None:
    assert did_you_mean('bet', ['beta', 'scope']) == "did you mean 'beta'?"
    assert did_you_mean('zzz', ['beta', 'scope']) == 'valid names: beta, scope'
