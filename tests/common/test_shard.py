"""Parts of a list, shared out among processes."""

from __future__ import annotations

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.shard import Shard, parse_shard


def test_shards_are_disjoint_and_whole() -> None:
    whole = [['a', 'b'], ['c', 'f'], ['d', 'g'], ['e']]
    parts = [Shard(number, 3).of(whole) for number in (1, 2, 3)]
    assert parts[0] == [['a', 'b'], ['e']]
    assert sorted(unit for part in parts for unit in part) == sorted(whole)
    assert Shard(9, 9).of(whole) == []


def test_shards_by_name() -> None:
    assert parse_shard('2/8') == Shard(2, 8)
    for text in ('', '2', '0/8', '9/8', '1/2/3', '-1/2', 'a/b', '1.0/2'):
        with pytest.raises(OptionError, match='i from 1 to n'):
            parse_shard(text)
