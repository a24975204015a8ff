"""What a report is made from: runs that were trained and tested, the images they were tested on, who is whose twin."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple


@dataclass(frozen=True)
class TestSet:
    """Images that all runs were tested on.

    Attributes:
        name: Its name, as in ``results/<run>/visualization/<name>``.
        gt: Folder of the HR images.
        lq: Folder of their LR images.
        lq_template: Name of an LR image without its suffix, ``{}`` for that of the HR image.
    """

    __test__ = False  # no test class, whatever pytest thinks of its name

    name: str
    gt: Path
    lq: Path
    lq_template: str = '{}'


@dataclass(frozen=True)
class TestedRun:
    """One method trained with one seed, and tested.

    Attributes:
        method: The method's name in the comparison.
        seed: Its ``manual_seed``; None where its option file does not say.
        experiment: The folder ``experiments/<name>``: logs, weights, rounds, a copy of the option file.
        options: The option file that it was trained with, as read.
        weights: The weights of ``network_g`` that were tested.
        images: Test set -> folder of the super-resolved images.
        suffix: What stands behind an image's name in these folders, before ``.png``.
    """

    __test__ = False

    method: str
    seed: Optional[int]
    experiment: Path
    options: Mapping[str, Any]
    weights: Path
    images: Mapping[str, Path]
    suffix: str = ''


@dataclass(frozen=True)
class FailedRun:
    """A run that did not end: what is said of it in the report."""

    method: str
    seed: Optional[int]
    reason: str


@dataclass(frozen=True)
class ComparedRuns:
    """A comparison: equal budgets in ``runs``; what the papers compare at unequal ones in ``as_published``.

    Attributes:
        name: Name of the comparison.
        scale: Upscaling factor.
        methods: The methods, in the order in which they are shown.
        twins: Method -> the method that it is compared with; a twin itself is not in it.
        runs: The runs that ended.
        failed: Those that did not.
        test_sets: What was tested on.
        hr_lmdb: Sub-images of the training images whose difficulty was scored; None where there are none.
        as_published: Further comparisons at the papers' unequal budgets, by the method's name: its twin's shorter runs
            (``method`` of these is the twin's name).
        seconds: Step -> its duration, where it is known.
        commands: The commands that made it all.
        differing: Method -> the keys in which its option file differs from its twin's, as ``key:path`` -> value.
    """

    name: str
    scale: int
    methods: Tuple[str, ...]
    twins: Mapping[str, str]
    runs: Tuple[TestedRun, ...]
    test_sets: Tuple[TestSet, ...]
    failed: Tuple[FailedRun, ...] = ()
    hr_lmdb: Optional[Path] = None
    as_published: Mapping[str, Tuple[TestedRun, ...]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    commands: Tuple[str, ...] = ()
    differing: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, method: str) -> Dict[Optional[int], TestedRun]:
        """Return the runs of a method: seed -> run."""
        return {run.seed: run for run in self.runs if run.method == method}
