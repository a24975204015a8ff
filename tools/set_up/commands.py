"""How the set-up runs its commands: one at a time, under a lock, with the last lines and a remedy when one fails."""

import contextlib
import os
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

TAIL = 15
HEARTBEAT = 20.0

NO_NETWORK = (
    'no network, or the package index does not answer: check the connection (HTTPS_PROXY, PIP_INDEX_URL) and '
    'run this again, it goes on where it stopped'
)
REMEDIES = (
    (
        r'No space left on device|Errno 28',
        'the disk (or the temporary folder) is full: free some space, or name a larger disk with `--venv DIR` and '
        'TMPDIR',
    ),
    (
        r'CERTIFICATE_VERIFY_FAILED|SSLError',
        'the package index could not be verified: set PIP_CERT to the certificate bundle of your network',
    ),
    (
        r'name resolution|Failed to establish a new connection|NewConnectionError|Network is unreachable|Read timed out'
        r'|ConnectTimeout|Connection (refused|reset|aborted|broken)|ProxyError|Max retries exceeded|Temporary failure',
        NO_NETWORK,
    ),
    (
        r'ensurepip is not available|No module named .?(venv|ensurepip)',
        'this Python comes without the venv module: `sudo apt install python3-venv` (Debian, Ubuntu), or use '
        '`--no-venv`',
    ),
    (
        r'externally-managed-environment',
        'the system looks after this Python itself: leave `--no-venv` out, or activate an environment of your own '
        'first',
    ),
    (
        r'No matching distribution found for (torch|torchvision)',
        'torch has no build for this Python or platform: take Python 3.8 to 3.13, for example `PYTHON=python3.11 bash '
        'tools/test.sh`',
    ),
    (r'\(from versions: none\)', NO_NETWORK),
    (
        r'ResolutionImpossible|No matching distribution found for',
        'the package index has no build that fits: where the tested versions were asked for, `--newest` takes others '
        '(for tools/test.sh: BSR_PLUGINS_VERSIONS=newest)',
    ),
    (
        r'Permission denied|Errno 13|Read-only file system',
        'the folder cannot be written: name another one with `--venv DIR`',
    ),
    (
        r'cannot open shared object file',
        'a system library is missing (for OpenCV: `sudo apt install libgl1 libglib2.0-0`)',
    ),
)
DEFAULT_REMEDY = 'run it again (it goes on where it stopped), or start afresh with `--recreate`; `--verbose` shows all'


class SetUpError(Exception):
    """A step that failed: what went wrong, the last lines of its command, and what to do about it."""

    def __init__(self, step: str, problem: str, remedy: str, tail: Sequence[str] = ()) -> None:
        lines = [f'set-up failed: {step}', f'  problem: {problem}']
        if tail:
            lines += ['  last lines:', *(f'    | {line}' for line in tail)]
        super().__init__('\n'.join([*lines, f'  remedy: {remedy}']))


def remedy_for(output: str) -> str:
    """What to do about a command that failed with this output."""
    return next((remedy for pattern, remedy in REMEDIES if re.search(pattern, output)), DEFAULT_REMEDY)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock of an environment; its descriptor goes to pip too, so that a killed run's pip is waited for."""
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with open(str(path), 'a+', encoding='utf-8') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            print(f'another set-up is at work here (process {file.read().strip() or "?"}): waiting for it', flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


class Runner:
    """Runs commands: says which step, shows every ``heartbeat`` seconds that it lives, keeps what was printed."""

    def __init__(self, lock: int, cwd: Path, verbose: bool = False, heartbeat: float = HEARTBEAT) -> None:
        self.lock, self.cwd, self.verbose, self.heartbeat = lock, cwd, verbose, heartbeat

    def __call__(
        self, step: str, command: Sequence[str], env: Optional[Dict[str, str]] = None, cwd: Optional[Path] = None
    ) -> str:
        """Run ``command``; return what it printed. Raises SetUpError when it fails."""
        start = time.monotonic()
        print(f'- {step} ...', flush=True)
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                env=env,
                stderr=subprocess.STDOUT,
                cwd=str(cwd or self.cwd),
                pass_fds=(self.lock,),
            )
        except OSError as error:
            raise SetUpError(step, str(error), remedy_for(str(error))) from error
        lines: List[str] = []
        reader = threading.Thread(target=self._read, args=(process, lines), daemon=True)
        reader.start()
        try:
            self._wait(process, lines, start)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        reader.join(timeout=5)
        if process.returncode:
            problem = f'`{" ".join(command)}` ended with exit code {process.returncode}'
            raise SetUpError(step, problem, remedy_for('\n'.join(lines)), lines[-TAIL:])
        print(f'  done in {time.monotonic() - start:.1f} s', flush=True)
        return '\n'.join(lines)

    def _read(self, process: 'subprocess.Popen[bytes]', lines: List[str]) -> None:
        for raw in process.stdout or ():
            lines.append(raw.decode('utf-8', 'replace').rstrip())
            if self.verbose:
                print(f'  | {lines[-1]}', flush=True)

    def _wait(self, process: 'subprocess.Popen[bytes]', lines: Sequence[str], start: float) -> None:
        while True:
            try:
                process.wait(timeout=self.heartbeat)
                return
            except subprocess.TimeoutExpired:
                latest = lines[-1].strip() if lines else ''
                print(f'  {time.monotonic() - start:.0f} s  {latest}'[:110], flush=True)
