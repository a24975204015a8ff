"""How the demo runs the pack's own commands: each shown before it runs, timed, long output boiled down to a bar."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, Callable, Deque, Dict, Iterator, List, Sequence

_ITERATION = re.compile(r'\biter:\s*([\d,]+),.*?\bl_pix: (\S+)')
_METRIC = re.compile(r'^\s+# (\w+: -?[\d.]+)')
_ROUND = re.compile(r'INFO: (BSPA round \d+ after .*)$')
_LOUD = re.compile(r'\b(?:WARNING|ERROR): (.*)$')
_TAIL = 25
_THREADS = 2


class StepError(Exception):
    """A command of the demo failed; the text has its last lines and the command to try by itself."""


class Commands:
    """Runs commands in the working directory. ``seconds``: step -> duration; ``lines``: the commands as shown."""

    def __init__(self, verbose: bool = False) -> None:
        self.verbose = verbose
        self.seconds: Dict[str, float] = {}
        self.lines: List[str] = []
        # Tensors this small gain nothing from more threads. Threads that spin while they wait are ten times slower
        # where something else runs on the same cores.
        threads = str(min(_THREADS, os.cpu_count() or 1))
        self._env = {'OMP_NUM_THREADS': threads, 'OMP_WAIT_POLICY': 'PASSIVE', **os.environ, 'PYTHONUNBUFFERED': '1'}

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step, and say how long it took."""
        print(f'\n== {name}', flush=True)
        start = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - start
        print(f'   {self.seconds[name]:.1f} s', flush=True)

    def tool(self, name: str, arguments: Sequence[str]) -> None:
        """Run ``basicsr ARGUMENTS``; its own output and progress bar are seen.

        Raises:
            StepError: It failed.
        """
        with self.step(name):
            line = self._show(['basicsr', *arguments])
            code = subprocess.call([*_basicsr(), *arguments], env=self._env)
            if code:
                raise _failure(line, code, ())

    def train(self, name: str, arguments: Sequence[str], updates: int) -> None:
        """Run ``basicsr ARGUMENTS`` behind a bar of ``updates``, with attribution rounds and warnings as lines.

        Raises:
            StepError: It failed.
        """
        from tqdm import tqdm

        with self.step(name), contextlib.ExitStack() as stack:
            line = self._show(['basicsr', *arguments])
            bar = stack.enter_context(tqdm(total=updates, unit='update', mininterval=1, disable=self.verbose))
            psnr = ''

            def take(text: str) -> None:
                nonlocal psnr
                iteration, metric = _ITERATION.search(text), _METRIC.search(text)
                said = _ROUND.search(text) or _LOUD.search(text)
                if metric:
                    psnr = f', held-out {metric.group(1)}'
                if iteration:
                    bar.set_postfix_str(f'l_pix {iteration.group(2)}{psnr}', refresh=False)
                    bar.update(int(iteration.group(1).replace(',', '')) - bar.n)
                if said:
                    bar.write(f'   {said.group(1)}')

            self._basicsr(line, arguments, take)
            bar.update(updates - bar.n)

    def test(self, name: str, arguments: Sequence[str]) -> None:
        """Run ``basicsr ARGUMENTS`` and show the metrics that it logs, and warnings.

        Raises:
            StepError: It failed.
        """

        def take(text: str) -> None:
            said = _METRIC.search(text) or _LOUD.search(text)
            if said:
                print(f'   {said.group(1)}', flush=True)

        with self.step(name):
            self._basicsr(self._show(['basicsr', *arguments]), arguments, take)

    def _basicsr(self, line: str, arguments: Sequence[str], take: Callable[[str], None]) -> None:
        last: Deque[str] = deque(maxlen=_TAIL)
        process = subprocess.Popen(
            [*_basicsr(), *arguments],
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding='utf-8',
            errors='replace',
        )
        try:
            for text in process.stdout or ():
                text = text.rstrip()
                last.append(text)
                if self.verbose:
                    print(text, flush=True)
                else:
                    take(text)
            code = process.wait()
        finally:
            _end(process)
        if code:
            raise _failure(line, code, last)

    def _show(self, command: Sequence[str]) -> str:
        line = ' '.join(shlex.quote(word) for word in command)
        self.lines.append(line)
        print(f'$ {line}', flush=True)
        return line


def _basicsr() -> List[str]:
    script = Path(sys.executable).parent / 'basicsr'
    return [str(script)] if script.is_file() else [sys.executable, '-m', 'bsr_plugins']


def _end(process: Any) -> None:
    """Let a command that Ctrl-C reached as well come to its end, and stop it where it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _failure(line: str, code: int, last: Sequence[str]) -> StepError:
    shown = '\n'.join(f'  | {text}' for text in last)
    return StepError(
        f'{shown}\nThe demo stopped: `{line}` ended with exit code {code}.\n'
        'Run that command by itself to see all of its output; then run the demo again.'
    )
