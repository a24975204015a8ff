"""What a function of the pack refuses by an error, as a finding of the check."""

from __future__ import annotations

from typing import Any, Callable, List, Optional

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.options.option_file import KeyPath, OptionFile


def refused(option_file: OptionFile, section: KeyPath, check: Callable[..., Any], *arguments: Any) -> List[Finding]:
    """Return the finding for the OptionError that ``check(*arguments)`` raises, or none.

    Args:
        option_file: Where the key stands.
        section: The section below which the error's ``where`` is a path of keys.
        check: The function that the run calls too.
        *arguments: What it is given.
    """
    try:
        check(*arguments)
    except OptionError as error:
        # What stands before a colon names the section in a run.
        below = str(error.where).rpartition(': ')[2].split('.') if error.where else []
        return [
            Finding(
                ERROR,
                error.problem,
                option_file.where(*section, *below),
                _text(error.expected),
                _text(error.found),
                error.remedy,
            )
        ]
    return []


def _text(value: Any) -> Optional[str]:
    return None if value is None else str(value)
