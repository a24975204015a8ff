"""What a check of an option file finds: errors, which stop the run, and warnings, which do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, List, Optional

from bsr_plugins.common.errors import BsrPluginsError

ERROR = 'error'
WARNING = 'warning'


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (``severity`` 'error') or suspicious ('warning') in an option file.

    The fields after ``severity`` are those of :class:`bsr_plugins.common.errors.BsrPluginsError`; ``where`` reads
    ``file:line: key.path``.
    """

    severity: str
    problem: str
    where: str
    expected: Optional[str] = None
    found: Optional[str] = None
    remedy: Optional[str] = None

    def __str__(self) -> str:
        error = BsrPluginsError(
            self.problem, where=self.where, expected=self.expected, found=self.found, remedy=self.remedy
        )
        return f'{self.severity}: {error}'


def shortened(text: str) -> str:
    """Return ``text`` as a finding shows it: 80 characters at the most."""
    return text if len(text) <= 80 else f'{text[:77]}...'


def errors_in(findings: Iterable[Finding]) -> List[Finding]:
    """Return the findings that stop the run."""
    return [finding for finding in findings if finding.severity == ERROR]
