"""Keys of an option file as ``key:path`` -> value: put into options, and what differs between two of them."""

from __future__ import annotations

import copy
from typing import Any, Dict, Iterator, Mapping, Tuple

from bsr_plugins.common.errors import OptionError

_ABSENT = object()


def with_keys(options: Mapping[str, Any], keys: Mapping[str, Any]) -> Dict[str, Any]:
    """Return a copy of ``options`` with ``keys`` put in; sections on the way are made.

    A section as a value replaces what stands there whole; None takes the key away.

    Raises:
        OptionError: On the way stands a value that is no section.
    """
    result = copy.deepcopy(dict(options))
    for key, value in keys.items():
        *sections, last = key.split(':')
        place: Any = result
        for index, name in enumerate(sections):
            if place.get(name) is None:
                place[name] = {}
            place = place[name]
            if not isinstance(place, dict):
                raise OptionError(
                    f"'{':'.join(sections[: index + 1])}' is no section of the option file", where=key, found=place
                )
        if value is None:
            place.pop(last, None)
        else:
            place[last] = copy.deepcopy(value)
    return result


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the keys of ``now`` that have another value in ``before``, and as None those that are only there."""
    old, new = dict(leaves(before)), dict(leaves(now))
    result = {key: value for key, value in new.items() if old.get(key, _ABSENT) != value}
    result.update((key, None) for key in old if key not in new and not any(_is_inside(each, key) for each in new))
    return result


def leaves(options: Mapping[str, Any], keys: Tuple[str, ...] = ()) -> Iterator[Tuple[str, Any]]:
    """Yield ``key:path``, value of everything in ``options`` that is no section, and of empty sections."""
    for name, value in options.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*keys, str(name)))
        else:
            yield ':'.join((*keys, str(name))), value


def _is_inside(key: str, section: str) -> bool:
    return key.startswith(f'{section}:')
