"""Keys put into options, and what differs."""

from __future__ import annotations

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.comparison.key_paths import differing, with_keys

BASE = {'train': {'lr': 1, 'loss': {'type': 'L1'}}, 'name': 'x'}


def test_keys_are_put_into_a_copy() -> None:
    made = with_keys(BASE, {'train:lr': 2, 'train:loss': {'type': 'L2'}, 'val:freq': 3, 'name': None})
    assert made == {'train': {'lr': 2, 'loss': {'type': 'L2'}}, 'val': {'freq': 3}}
    assert BASE == {'train': {'lr': 1, 'loss': {'type': 'L1'}}, 'name': 'x'}


def test_a_value_is_no_section() -> None:
    with pytest.raises(OptionError, match="'train:lr' is no section"):
        with_keys(BASE, {'train:lr:x': 2})


def test_what_differs() -> None:
    now = with_keys(BASE, {'train:lr': None, 'train:loss:type': 'L2', 'new:key': None, 'more': {'a': 1}})
    assert differing(BASE, now) == {'train:loss:type': 'L2', 'more:a': 1, 'new': {}, 'train:lr': None}
    assert differing(BASE, BASE) == {}
