"""What a run's logs tell beside its curves: its length, parameters, time, and the versions that it ran on."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from bsr_plugins.analysis.compared_runs import TestedRun

_TIME = re.compile(r'^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ ')
_ITERATION = re.compile(r'\biter:\s*([\d,]+), lr:')
_PARAMETERS = re.compile(r'Network: [^\n]*?, with parameters: ([\d,]+)')
_VERSIONS = {
    'bsr_plugins': re.compile(r'INFO: bsr_plugins ([^\s,]+)'),
    'bsr_plugins revision': re.compile(r'INFO: bsr_plugins [^\s,]+, revision (\w+)'),
    'basicsr': re.compile(r'^\tBasicSR: (\S+)', re.MULTILINE),
    'torch': re.compile(r'^\tPyTorch: (\S+)', re.MULTILINE),
}


class RunFacts(NamedTuple):
    """What is known of a run; None and {} where its logs are gone.

    Attributes:
        updates: How far the tested weights were trained.
        parameters: Of ``network_g``.
        seconds: Time that its logs span, those of a run in parts added up.
        versions: Package -> version, of the last part; ``bsr_plugins`` alone where the pack was in use.
        gpus: ``num_gpu`` of its options; 0 is the CPU.
    """

    updates: Optional[int]
    parameters: Optional[int]
    seconds: Optional[float]
    versions: Mapping[str, str]
    gpus: Any


def read_run_facts(run: TestedRun) -> RunFacts:
    """Read the training logs of a run; a run without any has only what its options say."""
    updates: Optional[int] = None
    parameters: Optional[int] = None
    seconds: List[float] = []
    versions: Dict[str, str] = {}
    for path in sorted(Path(run.experiment).glob('train_*.log')):
        text = path.read_text(encoding='utf-8', errors='replace')
        iterations = [int(found.replace(',', '')) for found in _ITERATION.findall(text)]
        updates = max([*iterations, updates or 0]) or None
        # The first network that is made is network_g; a sigma network, a discriminator come later.
        found = _PARAMETERS.search(text)
        parameters = int(found.group(1).replace(',', '')) if found else parameters
        seconds += _span(text)
        versions = {
            name: match.group(1) for name, pattern in _VERSIONS.items() for match in [pattern.search(text)] if match
        }
    return RunFacts(
        _updates(run, updates), parameters, sum(seconds) if seconds else None, versions, run.options.get('num_gpu')
    )


def _updates(run: TestedRun, logged: Optional[int]) -> Optional[int]:
    """Return how far the weights were trained: as their name says, else as log and options do."""
    named = re.search(r'_(\d+)$', Path(run.weights).stem)
    if named:
        return int(named.group(1))
    total = (run.options.get('train') or {}).get('total_iter')
    if logged is None or not isinstance(total, int):
        return logged or total
    # The log leaves out the last updates, fewer than its print_freq.
    return total if logged <= total < logged + ((run.options.get('logger') or {}).get('print_freq') or 1) else logged


def _span(text: str) -> List[float]:
    times = [match.group(1) for line in text.splitlines() for match in [_TIME.match(line)] if match]
    if not times:
        return []
    first, last = (datetime.strptime(each, '%Y-%m-%d %H:%M:%S') for each in (times[0], times[-1]))
    return [(last - first).total_seconds()]
