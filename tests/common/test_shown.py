"""What a terminal would obey is shown escaped, in every field of every message."""

from __future__ import annotations

import pickle

import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.common.shown import Lines, shown, shown_lines

NASTY = 'a\x1b[2Jb\r\nc\udcff\u202ed\x9b\x07\x7f'
ESCAPED = r'a\x1b[2Jb\r\nc\udcff\u202ed\x9b\x07\x7f'


@pytest.mark.parametrize(
    ('text', 'expected'),
    [(NASTY, ESCAPED), ('plain', 'plain'), ('größe 写真 é', 'größe 写真 é'), (3, '3'), ('\t', r'\t')],
)
def test_shown(text: object, expected: str) -> None:
    assert shown(text) == expected


def test_lines_stay_lines() -> None:
    assert shown_lines('a\n\tb\x1b') == 'a\n\tb\\x1b'


@pytest.mark.parametrize('field', ['where', 'expected', 'found', 'remedy', 'problem'])
def test_each_field_of_an_error_and_of_a_finding(field: str) -> None:
    fields = {'problem': 'p', 'where': 'w', field: NASTY}
    error = DataError(**fields)  # type: ignore[arg-type]
    for text in (str(error), str(Finding(ERROR, **fields)), str(pickle.loads(pickle.dumps(error)))):  # type: ignore[arg-type]
        assert ESCAPED in text
        assert len(text.splitlines()) == 2 + (field not in ('where', 'problem'))


def test_an_excerpt_and_another_error_keep_their_lines() -> None:
    assert str(DataError('p', found=Lines('a\nb'))) == 'p\n  found:    a\nb'
    assert str(DataError('p', found=ValueError('a\nb\x1b'))) == 'p\n  found:    a\nb\\x1b'
