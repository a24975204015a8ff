"""Names in option files: without the suffix of the pack, and the closest valid one for a misspelled one."""

from __future__ import annotations

import difflib
import unicodedata
from typing import Any, Dict, Iterable, List, Optional

#: ``NAME_bsrp`` always means the pack's own.
SUFFIX = 'bsrp'
# A file name has 255 bytes, and a log is called train_NAME_20260131_235959.log.
_LONGEST_RUN_NAME = 200


def plain_name(name: Any) -> str:
    """Return a ``type`` of an option file without the suffix that asks for the pack's own."""
    text = str(name)
    return text[: -len(SUFFIX) - 1] if text.endswith(f'_{SUFFIX}') else text


def closest_name(name: str, valid: Iterable[str]) -> Optional[str]:
    """Return the entry of ``valid`` most like ``name`` (letter case ignored), or None where nothing comes near."""
    by_lower: Dict[str, str] = {}
    for entry in sorted(valid):
        by_lower.setdefault(entry.lower(), entry)
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` or the sorted list of valid names where nothing comes near."""
    names = sorted(valid)
    close = closest_name(name, names)
    return f"did you mean '{close}'?" if close else f'valid names: {", ".join(names)}'


def wrong_with_run_name(name: Any) -> Optional[str]:
    """Return what the ``name`` of a run, of which files and a folder are named, has to be; None where it is that."""
    if not isinstance(name, str) or not name.strip():
        return 'text'
    if any(letter in '/\\' or not letter.isprintable() for letter in name) or name.strip() in ('.', '..'):
        return 'a name of one folder: no / and no \\ in it, no control characters, and not . or ..'
    return None if len(name.encode()) <= _LONGEST_RUN_NAME else f'at most {_LONGEST_RUN_NAME} bytes'


def without_accents(text: str) -> str:
    """Return ``text`` with each letter that has an accent replaced by the letter (é by e)."""
    decomposed = unicodedata.normalize('NFKD', text)
    return ''.join(letter for letter in decomposed if not unicodedata.combining(letter))


def edit_distance(left: str, right: str) -> int:
    """Return how many letters have to be put in, taken out, changed or swapped with their neighbour."""
    before: List[int] = []
    row = list(range(len(right) + 1))
    for i, letter in enumerate(left, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def misspelt(name: str, valid: Iterable[str]) -> Optional[str]:
    """Return the entry of ``valid`` that ``name`` is a slip away from (2 letters, 1 in short names), or None."""
    allowed = 2 if len(name) > 4 else 1 if len(name) > 2 else 0
    near = [(edit_distance(name, entry), entry) for entry in valid if abs(len(entry) - len(name)) <= allowed]
    distance, entry = min(near, default=(allowed + 1, ''))
    return entry if 0 < distance <= allowed else None
