"""``basicsr train`` and ``basicsr test`` as processes: where they run, with how many threads, what they print."""

from __future__ import annotations

import contextlib
import copy
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

import bsr_plugins
from bsr_plugins.common.errors import BsrPluginsError
from bsr_plugins.common.shown import Lines
from bsr_plugins.host.scripts.fork_scripts import has_own_script
from bsr_plugins.host.source_names import checkout_of
from bsr_plugins.options.templates.setting import shell_word

#: Of these strings none is a path, whatever lies in the working directory.
_NO_PATHS = frozenset({'name', 'type', 'phase', 'filename_tmpl', 'scorer', 'prefetch_mode', 'color'})
_PATH_SECTIONS = ('datasets', 'path')
_TAIL_BYTES, _TAIL_LINES = 1 << 15, 20
_SAID = re.compile(r'basicsr \w+: error: ')


class CommandError(BsrPluginsError, RuntimeError):
    """A command of the comparison ended with an error; the text has the last lines that it printed."""


def home_of(out: Path, root: Path) -> Path:
    """Return the folder in which the commands of a comparison run, under which experiments/ and results/ appear.

    It is the folder of the comparison. Scripts of a fork write to their own checkout, wherever they are started: where
    the working directory ``root`` is one, it is that.
    """
    return root if has_own_script(root) or checkout_of(root) is not None else out


def with_absolute_paths(options: Mapping[str, Any], root: Path) -> Dict[str, Any]:
    """Return a copy of options in which data and weights that lie below ``root`` have absolute paths."""
    result = copy.deepcopy(dict(options))
    for section in _PATH_SECTIONS:
        if section in result:
            result[section] = _absolute(result[section], root)
    if isinstance(result.get('val'), dict):
        # A difficulty file.
        result['val'] = {**result['val'], **_absolute(_named(result['val'], 'per_class'), root)}
    return result


def environment(threads: Optional[int] = None, gpu: Optional[int] = None) -> Dict[str, str]:
    """Return the environment of a command.

    Args:
        threads: How many threads torch may use; None: as many as it takes by itself.
        gpu: The GPU that the command sees; None: those that this process sees.
    """
    # Threads that spin while they wait take the cores from the other runs.
    result = {'OMP_WAIT_POLICY': 'PASSIVE', **os.environ, 'PYTHONUNBUFFERED': '1'}
    pack = str(Path(bsr_plugins.__file__).resolve().parents[1])
    if pack in (os.path.realpath(entry or os.curdir) for entry in sys.path):
        # Found by the command too, wherever it runs.
        result['PYTHONPATH'] = os.pathsep.join(filter(None, [os.environ.get('PYTHONPATH'), pack]))
    if threads is not None:
        result.setdefault('OMP_NUM_THREADS', str(threads))
    if gpu is not None:
        result['CUDA_VISIBLE_DEVICES'] = str(gpu)
    return result


class Command:
    """A running ``basicsr ARGUMENTS``; what it prints goes to a log file, which is read as it grows.

    It is in a session of its own: the comparison alone decides when a signal reaches it. Where the system can, it is
    told to stop, and saves, when the comparison dies.
    """

    def __init__(self, arguments: Sequence[str], home: Path, log: Path, env: Mapping[str, str]) -> None:
        self.arguments = list(arguments)
        self.home = home
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(parents=True, exist_ok=True)
        with open(log, 'ab') as file:
            self._read_to = file.tell()
            self.process = subprocess.Popen(
                [sys.executable, '-m', 'bsr_plugins', *self.arguments],
                cwd=home,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_stop_with_parent if sys.platform == 'linux' else None,
            )
        self._rest = b''

    @property
    def line(self) -> str:
        """The command as it is typed."""
        words = ' '.join(shell_word(word) for word in ['basicsr', *self.arguments])
        return words if self.home == Path.cwd() else f'cd {shell_word(str(self.home))} && {words}'

    def new_lines(self) -> List[str]:
        """Return the lines that were printed since the last call."""
        with open(self.log, 'rb') as file:
            file.seek(self._read_to)
            content = self._rest + file.read()
            self._read_to = file.tell()
        *lines, self._rest = content.split(b'\n')
        return [line.decode('utf-8', 'replace').rstrip() for line in lines]

    def code(self) -> Optional[int]:
        """Return the exit code; None while it runs."""
        return self.process.poll()

    def stop(self, signum: int = signal.SIGINT) -> None:
        """Ask it to save and stop; nothing where it has ended."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signum)

    def kill(self) -> None:
        """End it and its workers at once."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def error(self, code: int) -> CommandError:
        """Return what is said where it has failed with ``code``."""
        return CommandError(
            f'basicsr {self.arguments[0]} ended with exit code {code}',
            where=self.log,
            found=Lines(f'\n{failure_in(self.log)}'),
            remedy=f'mend it; alone it is {self.line}',
        )


def failure_in(log: Path) -> str:
    """Return what a log says of a failure: the pack's message at its end, or its last lines, each behind a bar."""
    with open(log, 'rb') as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        text = file.read().decode('utf-8', 'replace')
    lines = [line.split('\r')[-1].rstrip() for line in text.splitlines()]
    shown = [line for line in lines if line][-_TAIL_LINES:]
    said = [index for index, line in enumerate(shown) if _SAID.match(line)]
    return '\n'.join(f'  | {line}' for line in shown[said[-1] if said else 0 :])


def _named(options: Mapping[str, Any], key: str) -> Dict[str, Any]:
    return {key: options[key]} if key in options else {}


def _absolute(value: Any, root: Path) -> Any:
    if isinstance(value, dict):
        return {key: each if key in _NO_PATHS else _absolute(each, root) for key, each in value.items()}
    if isinstance(value, list):
        return [_absolute(each, root) for each in value]
    if isinstance(value, str) and value and '\0' not in value:
        path = root / os.path.expanduser(value)
        # What is not there is left as it is, for the check to name it.
        return os.path.abspath(path) if path.exists() else value
    return value


def _stop_with_parent() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
