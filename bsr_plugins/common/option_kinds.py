"""What may stand as the value of an option: a test, and the words that say what is expected."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Callable, Optional, Tuple

#: Largest whole number that an option takes.
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
        text: What is expected, in words.
        accepts: Whether a value is of that kind.
        words: The words of which it is one, for flags those that YAML reads as truth values; empty for other kinds.
        takes_numbers: Whether a number may stand there, alone or in a list.
    """

    text: str
    accepts: Callable[[Any], bool]
    words: Tuple[str, ...] = ()
    takes_numbers: bool = False


def whole(at_least: Optional[int] = None, at_most: Optional[int] = None) -> Kind:
    """Return the kind of a whole number in a range, and never beyond 64 bits."""
    bounds = [f'{sign} {bound}' for sign, bound in (('>=', at_least), ('<=', at_most)) if bound is not None]

    def accepts(value: Any) -> bool:
        return (
            _is_whole(value)
            and abs(value) <= LARGEST
            and (at_least is None or value >= at_least)
            and (at_most is None or value <= at_most)
        )

    return Kind(' '.join(['whole number', ' and '.join(bounds)]).strip(), accepts, takes_numbers=True)


def number(
    above: Optional[float] = None,
    at_least: Optional[float] = None,
    below: Optional[float] = None,
    at_most: Optional[float] = None,
) -> Kind:
    """Return the kind of a finite number in a range."""
    bounds = [
        f'{sign} {bound:g}'
        for sign, bound in (('>', above), ('>=', at_least), ('<', below), ('<=', at_most))
        if bound is not None
    ]

    def accepts(value: Any) -> bool:
        if _is_whole(value):
            finite = abs(value) <= LARGEST
        else:
            finite = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        return (
            finite
            and (above is None or value > above)
            and (at_least is None or value >= at_least)
            and (below is None or value < below)
            and (at_most is None or value <= at_most)
        )

    return Kind(' '.join(['number', ' and '.join(bounds)]).strip(), accepts, takes_numbers=True)


def choice(*words: Any) -> Kind:
    """Return the kind of one of a few words or numbers."""
    return Kind(
        ' or '.join(map(str, words)),
        lambda value: isinstance(value, (str, int)) and not isinstance(value, bool) and value in words,
        tuple(word for word in words if isinstance(word, str)),
        takes_numbers=not all(isinstance(word, str) for word in words),
    )


def list_of(kind: Kind, count: Optional[int] = None) -> Kind:
    """Return the kind of a list whose members are all of one kind."""
    size = '' if count is None else f'{count} '
    plural = kind.text.replace('number', 'numbers', 1) if 'number' in kind.text else f'{kind.text}s'
    if kind.words:
        plural = kind.text
    elif ' or ' in plural:
        plural = f'({plural})'
    return Kind(
        f'list of {size}{plural}',
        lambda value: (
            isinstance(value, (list, tuple)) and all(map(kind.accepts, value)) and count in (None, len(value))
        ),
        takes_numbers=kind.takes_numbers,
    )


def either(*kinds: Kind) -> Kind:
    """Return the kind of a value that is of one of several kinds."""
    return Kind(
        ' or '.join(kind.text for kind in kinds),
        lambda value: any(kind.accepts(value) for kind in kinds),
        tuple(word for kind in kinds for word in kind.words),
        any(kind.takes_numbers for kind in kinds),
    )


def optional(kind: Kind) -> Kind:
    """Return the kind that takes ``~`` too."""
    return either(kind, NOTHING)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


NOTHING = Kind('~', lambda value: value is None)
FLAG = Kind('true or false', lambda value: isinstance(value, bool), ('true', 'false'))
OFF = Kind('false', lambda value: value is False)
TEXT = Kind('text', lambda value: isinstance(value, str))
PART_OF_NAME = Kind(
    'text without / and \\ and control characters',
    lambda value: isinstance(value, str) and value.isprintable() and not set(value) & set('/\\'),
)
PATH = Kind('path', lambda value: isinstance(value, (str, os.PathLike)))
PATHS = Kind(
    'path, or list of paths',
    lambda value: PATH.accepts(value) or (isinstance(value, list) and value != [] and all(map(PATH.accepts, value))),
)
SECTION = Kind('keys and values', lambda value: isinstance(value, Mapping))
ANYTHING = Kind('any value', lambda value: True)
NUMBERS = list_of(number())
#: What BasicSR's ``Upsample`` and CARN's upsampler can do.
UPSAMPLER_SCALE = Kind(
    '1, 3 or a power of two',
    lambda value: _is_whole(value) and 0 < value <= LARGEST and (value == 3 or not value & (value - 1)),
    takes_numbers=True,
)
