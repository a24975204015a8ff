"""Batches of images of one size, and their shards."""

from __future__ import annotations

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.saliency.saliency_units import Shard, parse_shard, units

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


def test_shards_are_disjoint_and_whole() -> None:
    whole = units(KEYS, SIZES, 12)
    parts = [Shard(number, 3).of(whole) for number in (1, 2, 3)]
    assert parts[0] == [['a', 'b'], ['e']]
    assert sorted(unit for part in parts for unit in part) == sorted(whole)
    assert Shard(9, 9).of(whole) == []


def test_shards_by_name() -> None:
    assert parse_shard('2/8') == Shard(2, 8)
    for text in ('', '2', '0/8', '9/8', '1/2/3', '-1/2', 'a/b', '1.0/2'):
        with pytest.raises(OptionError, match='i from 1 to n'):
            parse_shard(text)
