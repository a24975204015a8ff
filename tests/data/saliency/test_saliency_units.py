"""Batches of images of one size, and their shards."""

from __future__ import annotations

import pytest

from bsr_plugins.data.saliency.saliency_units import units

KEYS = list('abcdefg')
SIZES = [(2, 3), (2, 3), (3, 2), (2, 3), (9, 9), (3, 2), (2, 3)]


@pytest.mark.parametrize(
    'at_once, expected',
    [
        (1, ['a', 'b', 'c', 'd', 'e', 'f', 'g']),
        (12, ['ab', 'cf', 'dg', 'e']),
        (18, ['abd', 'cf', 'e', 'g']),
        (1000, ['abdg', 'cf', 'e']),
    ],
)
def test_units(at_once: int, expected: list) -> None:
    assert [''.join(unit) for unit in units(KEYS, SIZES, at_once)] == expected
