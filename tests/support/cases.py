"""One property over many combinations in one test, which names the combination that fails."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

import pytest


@contextmanager
def case(*parts: object) -> Iterator[None]:
    """Name ``parts`` where what runs inside fails."""
    try:
        yield
    except (Exception, pytest.fail.Exception) as error:
        raise AssertionError(f'fails for {", ".join(map(str, parts))}') from error
