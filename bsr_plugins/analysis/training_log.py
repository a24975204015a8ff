"""Training curves out of BasicSR's own log files: losses by iteration, validation metrics by iteration."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike

_ITERATION = re.compile(r'\biter:\s*([\d,]+), lr:\(([^)]*)\)\](.*)$')
_SECONDS = re.compile(r'time \(data\): ([\d.]+) \(')
_MEMORY = re.compile(r'INFO: Peak memory: ([\d,]+) MiB of the process(?:, ([\d,]+) MiB on the GPU)?')
_VALUE = re.compile(r'(\w+): (-?(?:\d+\.\d+e[+-]\d+|nan|inf))(?=\s|$)')
_VALIDATION = re.compile(r'INFO: Validation (\S+)\s*$')
_METRIC = re.compile(r'^\s+# (\w+): (-?[\d.]+|-?inf|nan)')

Curve = Dict[int, float]


@dataclass
class TrainingLog:
    """What a log tells of a run.

    Attributes:
        values: Name as in the log (``l_pix``, ``inverse_stage``, ...) -> iteration -> value.
        metrics: (data set, metric) -> iteration -> value.
        seconds: Iteration -> seconds of one iteration, the mean since the log line before.
        memory: Most that the process has held, and most on the GPU (None without one), in MiB; None where no log says.
    """

    values: Dict[str, Curve] = field(default_factory=dict)
    metrics: Dict[Tuple[str, str], Curve] = field(default_factory=dict)
    seconds: Curve = field(default_factory=dict)
    memory: Optional[Tuple[int, Optional[int]]] = None

    def spans(self, name: str) -> List[Tuple[int, int]]:
        """Return (last logged iteration before, last one inside) of each stretch in which the value ``name`` is not 0.

        Exact to the log's ``print_freq``.
        """
        spans: List[Tuple[int, int]] = []
        before, inside = 0, False
        for iteration, value in sorted(self.values.get(name, {}).items()):
            if value and inside:
                spans[-1] = (spans[-1][0], iteration)
            elif value:
                spans.append((before, iteration))
            before, inside = iteration, bool(value)
        return spans


def parse_training_log(text: str) -> TrainingLog:
    """Read the text of a ``train_<name>_<time>.log``.

    A validation line names no iteration: it belongs to the iteration logged last, which is exact where ``val_freq`` is
    a multiple of ``print_freq``. BasicSR validates once more at the end of a run: that one replaces the last.
    """
    log = TrainingLog()
    iteration, dataset = 0, ''
    for line in text.splitlines():
        found = _ITERATION.search(line)
        if found:
            iteration, dataset = int(found.group(1).replace(',', '')), ''
            for name, value in _VALUE.findall(found.group(3)):
                log.values.setdefault(name, {})[iteration] = float(value)
            seconds = _SECONDS.search(line)
            if seconds:
                log.seconds[iteration] = float(seconds.group(1))
            continue
        found = _VALIDATION.search(line)
        if found:
            dataset = found.group(1)
            continue
        found = _MEMORY.search(line)
        if found:
            process, gpu = (None if text is None else int(text.replace(',', '')) for text in found.groups())
            log.memory = (process or 0, gpu)
            continue
        found = _METRIC.match(line)
        if found and dataset:
            log.metrics.setdefault((dataset, found.group(1)), {})[iteration] = float(found.group(2))
        else:
            dataset = ''
    return log


def read_training_log(experiment: PathLike) -> TrainingLog:
    """Read all logs of an experiment folder; where a resumed run repeats iterations, the later log counts.

    Raises:
        DataError: The folder holds no training log, or no iteration stands in any.
    """
    paths = sorted(Path(experiment).glob('train_*.log'))
    log = TrainingLog()
    for path in paths:
        part = parse_training_log(path.read_text(encoding='utf-8', errors='replace'))
        for name, curve in part.values.items():
            log.values.setdefault(name, {}).update(curve)
        for metric, curve in part.metrics.items():
            log.metrics.setdefault(metric, {}).update(curve)
        log.seconds.update(part.seconds)
        log.memory = part.memory or log.memory
    if not log.values:
        raise DataError(
            'No training log with at least one iteration',
            where=experiment,
            expected='train_<name>_<time>.log as BasicSR writes it',
            found=', '.join(path.name for path in paths) or 'no such file',
            remedy='give the folder experiments/<name> of a run that has trained',
        )
    return log
