"""Trains and tests the runs of a grid, several at once, each in a process of its own; interruptible at any moment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from bsr_plugins.analysis.compared_runs import TestSet
from bsr_plugins.common.errors import BsrPluginsError
from bsr_plugins.common.locks import HeldFile, Holder, hold
from bsr_plugins.common.processes import available_cores
from bsr_plugins.comparison.commands import Command, environment
from bsr_plugins.comparison.log_lines import LogReader
from bsr_plugins.comparison.plan import batches_an_update
from bsr_plugins.comparison.progress import Progress, duration
from bsr_plugins.comparison.run_files import RunFiles
from bsr_plugins.comparison.testing import RunTest, planned_test

_POLL = 0.3
#: A run that is stopped saves first, perhaps after a validation.
_STOP_SECONDS = 300.0


@dataclass
class _Active:
    """A run at work in a slot; ``test`` is None while it trains."""

    files: RunFiles
    gpu: Optional[int]
    held: Optional[HeldFile]
    command: Command
    test: Optional[RunTest] = None
    log: LogReader = field(default_factory=LogReader)
    since: float = field(default_factory=time.monotonic)
    resumed: bool = False


class Runner:
    """Runs what is left of a grid.

    Args:
        runs: The runs that this process does, in their order.
        all_runs: All runs of the grid by name; first steps of others are looked up here.
        test_sets: What each is tested on.
        progress: What is shown.
        gpus: The GPUs, one run on each at a time; empty: none of them is chosen.
        jobs: How many runs at a time, without ``gpus``.
    """

    def __init__(
        self,
        runs: Sequence[RunFiles],
        all_runs: Dict[str, RunFiles],
        test_sets: Sequence[TestSet],
        progress: Progress,
        gpus: Sequence[int] = (),
        jobs: int = 1,
    ) -> None:
        self._waiting = list(runs)
        self._all = all_runs
        self._test_sets = test_sets
        self._progress = progress
        self._free: List[Optional[int]] = list(gpus) if gpus else [None] * jobs
        self._threads = None if len(self._free) == 1 else max(1, available_cores() // len(self._free))
        self._active: List[_Active] = []
        self._told: Dict[str, str] = {}
        self._failed: List[str] = []

    def run(self) -> List[str]:
        """Run everything and return the names of the runs that failed.

        What runs is told to save and stop where this is interrupted.
        """
        try:
            while self._waiting or self._active:
                while self._free and self._begin_next():
                    pass
                time.sleep(_POLL)
                for active in list(self._active):
                    self._look_at(active)
        except BaseException:
            self._stop()
            raise
        return self._failed

    def _begin_next(self) -> bool:
        """Begin a run that can; tell whether there was one."""
        for files in list(self._waiting):
            first = self._all.get(files.run.first or '')
            if first is not None and not first.is_finished:
                reason = first.failed_because
                if reason is not None and first not in self._waiting and not self._is_active(first):
                    self._waiting.remove(files)
                    self._fail(files, f'{first.run.name}, which it needs, failed')
                    return True
                continue
            held = self._claim(files)
            if held is not None:
                self._waiting.remove(files)
                self._begin(files, held[0])
                return True
        return False

    def _claim(self, files: RunFiles) -> Optional[List[Optional[HeldFile]]]:
        """Return [the lock], [None] where the file system has none; None where another process is at the run."""
        files.lock.parent.mkdir(parents=True, exist_ok=True)
        files.experiment_lock.parent.mkdir(parents=True, exist_ok=True)
        held: Optional[HeldFile] = None
        try:
            held = hold(files.lock)
            # A training that outlived whoever started it.
            training = hold(files.experiment_lock)
            if training is not None:
                training.release()
            return [held]
        except Holder as holder:
            if held is not None:
                held.release()
            if self._told.get(files.run.name) != str(holder):
                self._told[files.run.name] = str(holder)
                self._progress.say(f'{files.run.name}: waiting for {holder}')
            return None

    def _begin(self, files: RunFiles, held: Optional[HeldFile]) -> None:
        gpu = self._free.pop(0)
        files.forget_failure()
        try:
            if files.is_finished:
                self._begin_test(files, gpu, held)
                return
            resumed = files.has_state
            files.prepare()
            command = Command(files.arguments, files.home, files.log, environment(self._threads, gpu))
            self._active.append(_Active(files, gpu, held, command, resumed=resumed))
            self._progress.say(f'{files.run.name}: {"goes on with its training" if resumed else "trains"}')
        except (BsrPluginsError, OSError) as error:
            self._fail(files, str(error))
            self._end(gpu, held)

    def _begin_test(self, files: RunFiles, gpu: Optional[int], held: Optional[HeldFile]) -> None:
        test = (
            planned_test(files.experiment, self._test_sets, files.images, options=files.options, home=files.home)
            if files.run.is_shown
            else None
        )
        if test is None:
            self._progress.at(files.run.name, files.run.updates)
            self._end(gpu, held)
            return
        test.prepare()
        self._progress.say(f'{files.run.name}: is tested')
        command = Command(test.arguments, test.home, test.log, environment(self._threads, gpu))
        self._active.append(_Active(files, gpu, held, command, test))

    def _look_at(self, active: _Active) -> None:
        files, code = active.files, active.command.code()
        said = active.log.take(active.command.new_lines())
        if active.test is None:
            for line in said:
                self._progress.say(f'{files.run.name}: {line}')
            batches = batches_an_update(files.options)
            self._progress.at(files.run.name, active.log.iteration // batches, active.log.metric)
        if code is None:
            return
        self._active.remove(active)
        try:
            if code:
                raise active.command.error(code)
            if active.test is not None:
                active.test.collect()
                self._end(active.gpu, active.held)
                return
            if not files.weights.is_file():
                raise active.command.error(code)
            seconds = time.monotonic() - active.since
            files.complete(None if active.resumed else seconds)
            trained = f'trained{" on" if active.resumed else ""} for {duration(seconds)}'
            self._progress.say(', '.join(filter(None, [f'{files.run.name}: {trained}', active.log.metric])))
            self._begin_test(files, active.gpu, active.held)
        except (BsrPluginsError, OSError) as error:
            self._fail(files, str(error))
            self._end(active.gpu, active.held)

    def _end(self, gpu: Optional[int], held: Optional[HeldFile]) -> None:
        self._free.append(gpu)
        if held is not None:
            held.release()

    def _fail(self, files: RunFiles, reason: str) -> None:
        files.fail(reason)
        self._failed.append(files.run.name)
        self._progress.say(f'{files.run.name}: FAILED: {reason.splitlines()[0]}')

    def _is_active(self, files: RunFiles) -> bool:
        return any(active.files is files for active in self._active)

    def _stop(self) -> None:
        """Let what runs save and stop; a second interruption ends it at once."""
        if not self._active:
            return
        self._progress.say('stopping: what trains saves first; a second Ctrl-C stops at once')
        try:
            for active in self._active:
                active.command.stop()
            last = time.monotonic() + _STOP_SECONDS
            while any(active.command.code() is None for active in self._active) and time.monotonic() < last:
                time.sleep(0.1)
        finally:
            for active in self._active:
                active.command.kill()
                if active.held is not None:
                    active.held.release()


def is_tested(files: RunFiles, test_sets: Sequence[TestSet]) -> bool:
    """Return whether a run is finished and its images are there."""
    return files.is_finished and (
        not files.run.is_shown
        or planned_test(files.experiment, test_sets, files.images, options=files.options, home=files.home) is None
    )


def image_folders(files: RunFiles, test_sets: Sequence[TestSet]) -> Dict[str, Path]:
    """Return test set -> folder of a run's images."""
    return {test_set.name: files.images / test_set.name for test_set in test_sets}
