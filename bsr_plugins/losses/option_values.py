"""Checks of the values that option files give to losses; each returns the value or raises an error with the option."""

from __future__ import annotations

import math
from typing import Any, Optional, Sequence

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean


def choice(owner: object, option: str, value: Any, choices: Sequence[str]) -> str:
    """Return ``value``, one of a few words.

    Raises:
        OptionError: It is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        raise _wrong(owner, option, ' | '.join(choices), value, did_you_mean(str(value), choices))
    return value


def number(
    owner: object, option: str, value: Any, *, above: Optional[float] = None, at_least: Optional[float] = None
) -> float:
    """Return ``value``, a finite number in its range.

    Raises:
        OptionError: It is no number (YAML reads 1e-3 as text), not finite, or out of range.
    """
    expected = (
        'a number'
        + (f' above {above:g}' if above is not None else '')
        + (f' of at least {at_least:g}' if at_least is not None else '')
    )
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        remedy = 'write 1.0e-3, with a point and a sign: YAML reads 1e-3 as text' if isinstance(value, str) else None
        raise _wrong(owner, option, expected, value, remedy)
    if (above is not None and value <= above) or (at_least is not None and value < at_least):
        raise _wrong(owner, option, expected, value)
    return value


def whole_number(owner: object, option: str, value: Any) -> int:
    """Return ``value``, a whole number of at least 1.

    Raises:
        OptionError: It is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(owner, option, 'a whole number of at least 1', value)
    return value


def flag(owner: object, option: str, value: Any) -> bool:
    """Return ``value``, true or false.

    Raises:
        OptionError: It is something else.
    """
    if not isinstance(value, bool):
        raise _wrong(owner, option, 'true or false', value)
    return value


def _wrong(owner: object, option: str, expected: str, found: Any, remedy: Optional[str] = None) -> OptionError:
    name = type(owner).__name__
    return OptionError(
        f"the option '{option}' of {name} has a wrong value",
        where=f'{name}.{option}',
        expected=expected,
        found=repr(found),
        remedy=remedy,
    )
