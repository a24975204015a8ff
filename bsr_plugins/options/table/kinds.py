"""What may stand as the value of an option: a test, and the words that say what is expected."""

from __future__ import annotations

import math
from dataclasses import dataclass
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
    """

    text: str
    accepts: Callable[[Any], bool]
    words: Tuple[str, ...] = ()


def whole(at_least: Optional[int] = None, at_most: Optional[int] = None) -> Kind:
    """Return the kind of a whole number in a range, and never beyond 64 bits."""
    bounds = [f'{sign} {bound}' for sign, bound in (('>=', at_least), ('<=', at_most)) if bound is not None]

    def accepts(value: Any) -> bool:
        return (
            type(value) is int
            and abs(value) <= LARGEST
            and (at_least is None or value >= at_least)
            and (at_most is None or value <= at_most)
        )

    return Kind(' '.join(['whole number', ' and '.join(bounds)]).strip(), accepts)


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
        finite = math.isfinite(value) if isinstance(value, float) else type(value) is int and abs(value) <= LARGEST
        if not finite:
            return False
        return (
            (above is None or value > above)
            and (at_least is None or value >= at_least)
            and (below is None or value < below)
            and (at_most is None or value <= at_most)
        )

    return Kind(' '.join(['number', ' and '.join(bounds)]).strip(), accepts)


def choice(*words: Any) -> Kind:
    """Return the kind of one of a few words or numbers."""
    return Kind(
        ' or '.join(map(str, words)),
        lambda value: not isinstance(value, bool) and value in words,
        tuple(word for word in words if isinstance(word, str)),
    )


def list_of(kind: Kind, count: Optional[int] = None) -> Kind:
    """Return the kind of a list whose members are all of one kind."""
    size = '' if count is None else f'{count} '
    return Kind(
        f'list of {size}{kind.text}s',
        lambda value: isinstance(value, list) and all(map(kind.accepts, value)) and count in (None, len(value)),
    )


def either(*kinds: Kind) -> Kind:
    """Return the kind of a value that is of one of several kinds."""
    return Kind(
        ' or '.join(kind.text for kind in kinds),
        lambda value: any(kind.accepts(value) for kind in kinds),
        tuple(word for kind in kinds for word in kind.words),
    )


def optional(kind: Kind) -> Kind:
    """Return the kind that takes ``~`` too."""
    return either(kind, NOTHING)


NOTHING = Kind('~', lambda value: value is None)
FLAG = Kind('true or false', lambda value: isinstance(value, bool), ('true', 'false'))
OFF = Kind('false', lambda value: value is False)
TEXT = Kind('text', lambda value: isinstance(value, str))
PATH = Kind('path', lambda value: isinstance(value, str))
PATHS = Kind(
    'path, or list of paths',
    lambda value: (
        isinstance(value, str) or (isinstance(value, list) and all(isinstance(member, str) for member in value))
    ),
)
SECTION = Kind('keys and values', lambda value: isinstance(value, dict))
ANYTHING = Kind('any value', lambda value: True)
NUMBERS = list_of(number())
