"""One property over many combinations in one test, which names the combination that fails."""

from __future__ import annotations

import functools
import inspect
from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator

import pytest


class CaseError(AssertionError):
    """What fails in a case, its cause, and in which (``where``)."""

    def __init__(self, where: str) -> None:
        super().__init__(f'fails for {where}')
        self.where = where


@contextmanager
def case(where: str) -> Iterator[None]:
    """Say ``where`` if what runs inside fails."""
    try:
        yield
    except CaseError as error:
        raise CaseError(f'{where}, {error.where}') from error.__cause__
    except (Exception, pytest.fail.Exception) as error:
        raise CaseError(where) from error


def every(names: str, rows: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Do as ``pytest.mark.parametrize`` does, in one test: for one property of all rows, not for facts of single rows.

    The fixtures of the test are set up once, for all rows.
    """
    keys, table = [name.strip() for name in names.split(',')], list(rows)
    assert table, 'no rows: the test would say nothing'

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**fixtures: Any) -> None:
            for row in table:
                values = dict(zip(keys, row if len(keys) > 1 else (row,)))
                with case(', '.join(f'{key}={value!r}' for key, value in values.items())):
                    test(**fixtures, **values)

        signature = inspect.signature(test)
        fixtures = [one for name, one in signature.parameters.items() if name not in keys]
        # What pytest asks for the names of fixtures.
        run.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return run

    return decorate
