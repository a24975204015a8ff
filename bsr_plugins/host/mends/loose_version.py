"""Mend: ``distutils.version.LooseVersion``, gone with distutils on Python >= 3.12 where setuptools is not installed."""

from __future__ import annotations

import functools
import re
from types import ModuleType
from typing import Any, List, Tuple, Union

_COMPONENT = re.compile(r'\d+|[a-z]+')


@functools.total_ordering
class LooseVersion:
    """A version that compares by its numbers and words, left to right: ``1.5.1 < 1.5.2b2 < 161 < 1996.07.12``.

    A number is greater than a word where the two meet (``1.0rc1 < 1.0.1``); distutils raised TypeError there.
    """

    def __init__(self, vstring: str) -> None:
        self.vstring = vstring
        self.version: List[Union[int, str]] = [
            int(part) if part.isdigit() else part for part in _COMPONENT.findall(vstring)
        ]

    def _key(self) -> Tuple[Tuple[bool, Any], ...]:
        return tuple((isinstance(part, int), part) for part in self.version)

    def __eq__(self, other: object) -> bool:
        version = _as_version(other)
        return NotImplemented if version is None else self._key() == version._key()

    def __lt__(self, other: object) -> bool:
        version = _as_version(other)
        return NotImplemented if version is None else self._key() < version._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        return self.vstring

    def __repr__(self) -> str:
        return f"LooseVersion ('{self}')"


def _as_version(other: object) -> Any:
    if isinstance(other, str):
        return LooseVersion(other)
    return other if isinstance(other, LooseVersion) else None


def provide_distutils(module: ModuleType) -> bool:
    """Serve the empty package ``distutils``, for the submodule below. https://peps.python.org/pep-0632/"""
    return True


def provide_distutils_version(module: ModuleType) -> bool:
    """Fill ``distutils.version`` with LooseVersion, with which ``basicsr/archs/arch_util.py`` looks at torchvision's.

    https://peps.python.org/pep-0632/; BasicSR replaced it after 1.4.2 in its own repository.
    """
    module.LooseVersion = LooseVersion  # type: ignore[attr-defined]  # a name of upstream
    return True
