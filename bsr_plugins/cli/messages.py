"""What the command prints, and which process of a distributed run prints it."""

from __future__ import annotations

import re
import sys
from typing import Iterable, Optional, TextIO

from bsr_plugins.common.errors import BsrPluginsError, Lines, system_error
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.common.processes import is_first_process
from bsr_plugins.common.shown import shown, shown_lines

_WORKER = re.compile(r'Caught \w+ in (?:\S+ )*?worker process.*?\nOriginal Traceback', re.DOTALL)
_RAISED = re.compile(r'^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*Error: ', re.MULTILINE)


def say(*texts: str, to: Optional[TextIO] = None) -> None:
    """Print each of ``texts`` as one line; names in them are shown escaped."""
    for text in texts:
        print(shown_lines(text) if isinstance(text, Lines) else shown(text), file=to or sys.stdout)


def say_error(text: str) -> None:
    """Print ``text``, which may have several lines, to stderr."""
    print(shown_lines(text), file=sys.stderr, flush=True)


def error_text(error: Exception) -> Optional[str]:
    """Return the message of an error of the pack or of the system; None for any other, which is a defect of code."""
    if isinstance(error, BsrPluginsError):
        return without_worker_traceback(str(error))
    if isinstance(error, OSError) and error.errno is not None:
        return str(system_error(error))
    text = without_worker_traceback(str(error))
    return text if text != str(error) else None


def print_findings(findings: Iterable[Finding], to: Optional[TextIO] = None) -> None:
    """Print findings to stderr (or ``to``), with their number, on the first process alone."""
    shown = list(findings)
    if not shown or not is_first_process():
        return
    errors = sum(finding.severity == ERROR for finding in shown)
    for finding in shown:
        print(finding, file=to or sys.stderr)
    print(f'{_count(errors, "error")}, {_count(len(shown) - errors, "warning")}', file=to or sys.stderr, flush=True)


def without_worker_traceback(text: str) -> str:
    """Return the message of an error alone, where a DataLoader worker has wrapped it into its traceback."""
    if not _WORKER.match(text):
        return text
    raised = list(_RAISED.finditer(text))
    return text[raised[-1].end() :].rstrip() if raised else text


def _count(number: int, word: str) -> str:
    return f'{number} {word}{"" if number == 1 else "s"}'
