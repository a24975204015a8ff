"""The environment variable BSR_PLUGINS_MENDS: patches of BasicSR, mends and additions alike, that are to stay off.

``off`` switches all of them off, a comma-separated list of names those named: ``BSR_PLUGINS_MENDS="prefetch race,
whole-checkpoints"``. Letter case, blanks, hyphens, underscores and other signs in a name do not matter.
"""

from __future__ import annotations

import re
from typing import Iterable, List, NamedTuple, Sequence

from bsr_plugins.common.naming import did_you_mean

VARIABLE = 'BSR_PLUGINS_MENDS'
ALL = 'off'


class Switches(NamedTuple):
    """What the variable asks for.

    Attributes:
        off: Names of the patches to leave out, each once, in the order of the patches.
        unknown: What is in the list and names no patch, as typed.
    """

    off: List[str]
    unknown: List[str]


def read(text: str, names: Iterable[str]) -> Switches:
    """Return what ``text``, the variable's value, asks of the patches called ``names``."""
    valid = list(dict.fromkeys(names))
    asked = {plain(entry): entry.strip() for entry in text.split(',') if entry.strip()}
    if ALL in asked:
        return Switches(valid, [])
    known = {plain(name) for name in valid}
    return Switches(
        [name for name in valid if plain(name) in asked],
        [entry for key, entry in asked.items() if key not in known],
    )


def plain(name: str) -> str:
    """Return ``name`` in lower-case letters and digits alone, as it is compared."""
    return re.sub(r'[\W_]+', '', name.lower())


def describe(off: Sequence[str]) -> str:
    """Return the line that says what is switched off."""
    return f'bsr_plugins: switched off by {VARIABLE}: {", ".join(off)}.'


def complaint(unknown: Sequence[str], names: Sequence[str]) -> str:
    """Return the sentence that names each unknown entry with the closest valid one."""
    valid = list(dict.fromkeys(names))
    return f'{VARIABLE}: ' + '; '.join(
        f"no mend and no addition is called '{entry}', {did_you_mean(entry, valid)}" for entry in unknown
    )
