"""An option file made of a base and keys of a grid, checked as one; findings name the line of the grid or the base."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple

from bsr_plugins.checks.option_checks import check_options
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.options.option_file import KeyPath, OptionFile

_UNREAD = 'No code reads the key'


@dataclass(frozen=True)
class ComposedFile(OptionFile):
    """Options with the places they come from.

    Attributes:
        places: Key path that the grid sets -> where it stands there.
    """

    places: Mapping[KeyPath, str] = field(default_factory=dict)

    def where(self, *keys: str) -> str:
        """Return where a key stands: in the grid where that sets it or what is around it, else in the base."""
        for end in range(len(keys), 0, -1):
            place = self.places.get(tuple(keys[:end]))
            if place is not None:
                return '.'.join([place, *keys[end:]])
        return super().where(*keys)


def composed(
    base: OptionFile, options: Dict[str, Any], grid: OptionFile, sources: List[Tuple[KeyPath, Mapping[str, Any]]]
) -> ComposedFile:
    """Return ``options`` as a file.

    Args:
        base: What they were made from.
        options: The options as they will be trained with.
        grid: The grid file.
        sources: (place of a section in the grid, its ``key:path`` -> value) of what was put into the base.
    """
    places: Dict[KeyPath, str] = {}
    plain = set(base.plain)
    for place, keys in sources:
        for key in keys:
            path = tuple(key.split(':'))
            in_grid = (*place, key)
            # A method of the table sets keys that do not stand in the grid.
            written = in_grid in grid.lines
            places[path] = grid.where(*in_grid) if written else f'{grid.where(*place)}, its {".".join(path)}'
            for end in range(1, len(path)):
                # A section on the way that only the grid has stands where the grid names it.
                if path[:end] not in base.lines and written:
                    places.setdefault(path[:end], places[path][: -len(':'.join(path[end:])) - 1])
            plain = {each for each in plain if each[: len(path)] != path}
            if in_grid in grid.plain:
                plain.add(path)
    return ComposedFile(base.path, options, base.lines, plain, set(), base.repeated, places)


def check_composed(file: ComposedFile, root: Path) -> List[Finding]:
    """Return what is wrong with the options; a key of the grid that no code reads is an error: it does nothing."""
    set_by_grid = set(file.places.values())
    return [
        replace(finding, severity=ERROR)
        if finding.severity == WARNING and finding.problem.startswith(_UNREAD) and finding.where in set_by_grid
        else finding
        for finding in check_options(file, root, is_train=True)
    ]
