"""Typed errors: their text, their built-in bases, their way through pickle."""

from __future__ import annotations

import pickle

import pytest

from bsr_plugins.common import errors


def test_text_has_a_line_for_each_part_that_is_known() -> None:
    error = errors.OptionError(
        'beta is wrong', where='x.yml: train.bspa.beta', expected='0 to 1', found=2, remedy='set beta: 0.1'
    )
    assert str(error).splitlines() == [
        'beta is wrong',
        '  where:    x.yml: train.bspa.beta',
        '  expected: 0 to 1',
        '  found:    2',
        '  remedy:   set beta: 0.1',
    ]
    assert str(errors.DataError('gone')) == 'gone'


@pytest.mark.parametrize(
    'kind, base',
    [
        (errors.OptionError, ValueError),
        (errors.DataError, ValueError),
        (errors.CheckpointError, RuntimeError),
        (errors.RegistrationError, RuntimeError),
        (errors.DependencyError, ImportError),
    ],
)
def test_errors_survive_pickle_and_keep_their_base(kind: type, base: type) -> None:
    error = kind('a', where='b', expected='c', found='d', remedy='e')
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind and isinstance(copy, base) and str(copy) == str(error)
