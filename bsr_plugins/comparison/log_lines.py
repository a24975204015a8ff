"""What BasicSR's log lines tell while a run trains: how far it is, its validation, its rounds, its warnings."""

from __future__ import annotations

import re
from typing import List, Optional

_ITERATION = re.compile(r'\biter:\s*([\d,]+), lr:')
_RESUMED = re.compile(r'\bResuming training from epoch: \d+, iter: (\d+)')
_VALIDATION = re.compile(r'INFO: Validation (\S+)\s*$')
_METRIC = re.compile(r'^\s+# (\w+): (-?[\d.]+)')
_SAID = re.compile(r'(?:INFO: (BSPA round \d+ after .*)|(?:WARNING|ERROR): (.*))$')


class LogReader:
    """Reads a run's lines in order.

    Attributes:
        iteration: The iteration logged last; 0 before the first.
        metric: The first metric of the last validation, with its data set; '' before one.
    """

    def __init__(self) -> None:
        self.iteration = 0
        self.metric = ''
        self._dataset = ''

    def take(self, lines: List[str]) -> List[str]:
        """Read lines and return what of them a user should see: attribution rounds and warnings."""
        return [said for said in map(self._take, lines) if said is not None]

    def _take(self, line: str) -> Optional[str]:
        found = _ITERATION.search(line) or _RESUMED.search(line)
        if found is not None:
            self.iteration = int(found.group(1).replace(',', ''))
            return None
        found = _VALIDATION.search(line)
        if found is not None:
            self._dataset = found.group(1)
            return None
        found = _METRIC.match(line)
        if found is not None:
            if self._dataset:
                self.metric = f'{found.group(1)} {float(found.group(2)):.2f} on {self._dataset}'
                self._dataset = ''
            return None
        found = _SAID.search(line)
        return None if found is None else found.group(1) or found.group(2)
