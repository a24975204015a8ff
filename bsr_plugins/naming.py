"""The closest valid name for a misspelled one."""
from __future__ import annotations

import difflib
from typing import Iterable, Optional


def closest_name(name: str, valid: Iterable[str]) -> Optional[str]:
    """Return the entry of ``valid`` most like ``name`` (letter case ignored), or None where nothing comes near."""
    by_lower = {}
    for entry in sorted(valid):
        by_lower.setdefault(entry.lower(), entry)
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` or the sorted list of valid names where nothing comes near."""
    names = sorted(valid)
    close = closest_name(name, names)
    return f"did you mean '{close}'?" if close else f'valid names: {", ".join(names)}'
