"""One row of the table of options, and the rows that belong to one type or section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Tuple

from bsr_plugins.options.table.kinds import Kind


@dataclass(frozen=True)
class InWords:
    """A default that follows from something else, in words."""

    text: str


#: The key has to be there.
REQUIRED = InWords('required')


@dataclass(frozen=True)
class Key:
    """One option.

    Attributes:
        path: Its keys joined by dots: from the section of the type, or, for models and BasicSR's own sections, from the
            top of the file. ``*`` stands for a name that the user gives.
        kind: What may stand there.
        default: The value where the key is absent, :data:`REQUIRED`, or words.
        meaning: What it does, and its unit or range where the kind does not say it.
    """

    path: str
    kind: Kind
    default: Any
    meaning: str


@dataclass(frozen=True)
class OptionSet:
    """The options of one registered type, or of one section that BasicSR reads itself.

    Attributes:
        kind: ``dataset``, ``arch``, ``loss``, ``metric`` or ``model`` (as in the registration's table), or ``basicsr``.
        name: Name of the type, or of the section.
        about: One sentence.
        keys: The options.
        inherits: For a model: another model, all of whose options it has too.
    """

    kind: str
    name: str
    about: str
    keys: Tuple[Key, ...]
    inherits: str = ''
