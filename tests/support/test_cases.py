"""Tests of ``cases``: all rows run, and what fails says where."""

from __future__ import annotations

import pytest

from cases import CaseError, every


def test_each_row_runs_with_the_fixtures_and_the_failing_one_is_named(tmp_path):
    seen = []

    @every('a, b', [(1, 2), (3, 4)])
    @every('c', 'xy')
    def check(tmp_path, a, b, c):
        seen.append((tmp_path, a, b, c))
        assert (a, c) != (3, 'y')

    with pytest.raises(CaseError, match=r"^fails for a=3, b=4, c='y'$") as caught:
        check(tmp_path=tmp_path)
    assert seen == [(tmp_path, 1, 2, 'x'), (tmp_path, 1, 2, 'y'), (tmp_path, 3, 4, 'x'), (tmp_path, 3, 4, 'y')]
    assert type(caught.value.__cause__) is AssertionError


def test_no_error_where_one_is_expected_is_named_too():
    @every('number', ['1', 'x'])
    def check(number):
        with pytest.raises(ValueError):
            int(number)

    with pytest.raises(CaseError, match="number='1'"):
        check()
    with pytest.raises(AssertionError, match='no rows'):
        every('number', [])
