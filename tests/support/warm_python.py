"""``python ...`` for tests that run a command or a script, forked from a server that has imported torch already.

The server holds third-party packages alone: BasicSR, the pack and the project of a test are imported by each process,
from its own ``PYTHONPATH``. Tests of what happens before torch is imported start a Python of their own.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

#: What BasicSR and the pack import of others; what is absent here the processes miss by themselves.
_IMPORTED = (
    'torch',
    'torch.distributed.run',
    'torch.utils.tensorboard',
    'torchvision.models',
    'cv2',
    'lmdb',
    'requests',
    'scipy.linalg',
    'scipy.special',
    'scipy.stats',
    'tqdm',
    'yaml',
)
_server: Optional[subprocess.Popen] = None


def run(
    *arguments: str, cwd: Path, env: Mapping[str, str], timeout: float = 240, merged: bool = True
) -> subprocess.CompletedProcess:
    """Run ``python ARGUMENTS`` (``-m MODULE ...``, ``-c CODE ...`` or ``SCRIPT ...``); see ``subprocess.run``.

    Args:
        arguments: After ``python``.
        cwd: The working directory.
        env: The whole environment.
        timeout: Seconds after which the process is killed, and ``TimeoutExpired`` raised.
        merged: Whether the standard error goes into ``stdout``.
    """
    global _server
    if _server is None or _server.poll() is not None:
        # Its own environment is that of no test; what is not in PYTHONPATH is found by every Python here.
        own = {**os.environ, 'OMP_NUM_THREADS': '1'}
        own.pop('PYTHONPATH', None)
        _server = subprocess.Popen(
            [sys.executable, __file__], cwd='/', env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(_server.communicate)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in (('out', 'out') if merged else ('out', 'err'))]
        request = {'arguments': arguments, 'cwd': str(cwd), 'env': dict(env), 'files': list(map(str, files))}
        _server.stdin.write(json.dumps({**request, 'timeout': timeout}) + '\n')
        _server.stdin.flush()
        code = json.loads(_server.stdout.readline())
        texts = [file.read_text(errors='replace') for file in files]
    command = [sys.executable, *arguments]
    if code is None:
        raise subprocess.TimeoutExpired(command, timeout, texts[0])
    return subprocess.CompletedProcess(command, code, texts[0], None if merged else texts[1])


# ---------------------------------------------------------------------- the server, and what becomes of its forks
def _serve() -> Optional[Dict[str, Any]]:
    """Fork once a line of the input: return what is asked for in the fork, None at the end of the input."""
    while True:
        line = sys.stdin.readline()
        if not line:
            return None
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            return request
        end, status = time.monotonic() + request['timeout'], None
        while status is None:
            ended, found = os.waitpid(pid, os.WNOHANG)
            if ended:
                status = -os.WTERMSIG(found) if os.WIFSIGNALED(found) else os.WEXITSTATUS(found)
            elif time.monotonic() > end:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                break
            else:
                time.sleep(0.005)
        print(json.dumps(status), flush=True)


def _become(arguments: List[str], cwd: str, env: Dict[str, str], files: List[str]) -> None:
    """Go on as the Python that was asked for would."""
    import runpy

    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdin = os.fdopen(0)
    how, *rest = arguments
    first = {'-m': cwd, '-c': ''}.get(how, os.path.dirname(os.path.join(cwd, how)))
    given = [os.path.join(cwd, entry) for entry in env.get('PYTHONPATH', '').split(os.pathsep) if entry]
    sys.path[:1] = [first, *given]  # in the place of this file's folder
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    sys.argv = ['-c', *rest[1:]] if how == '-c' else arguments if how != '-m' else ['-m', *rest[1:]]
    code: Any = 0
    try:
        if how == '-m':
            runpy.run_module(rest[0], run_name='__main__', alter_sys=True)
        elif how == '-c':
            sys.modules['__main__'] = main = types.ModuleType('__main__')
            exec(compile(rest[0], '<string>', 'exec'), main.__dict__)
        else:
            runpy.run_path(how, run_name='__main__')
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if not (code is None or isinstance(code, int)):
        print(code, file=sys.stderr)
        code = 1
    # All that Python does at its end but one thing: to take apart what the server has imported takes seconds.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == '__main__':
    for name in _IMPORTED:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    asked = _serve()
    if asked is not None:
        asked.pop('timeout')
        _become(**asked)
