"""A file that one process at a time holds, and that says which; a process that dies lets go of it."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import sys
import time
from pathlib import Path
from typing import IO, Optional

from bsr_plugins.common.files import PathLike


class HeldFile:
    """A lock file that this process holds, with a line that says so in it; taken away by :meth:`release`.

    The lock is POSIX's (``fcntl``), which network file systems carry to other machines, which children do not inherit,
    and which goes with the process, however that ends.
    """

    def __init__(self, path: Path, file: IO[str]) -> None:
        self.path = path
        self._file = file
        self._pid = os.getpid()
        self._end_of_line = file.tell()

    def note(self, text: str) -> None:
        """Write ``text`` below the line that says who holds the file, in place of what was noted before.

        Raises:
            OSError: The disk is full, or the network is down.
        """
        # Opened for appending: whatever is written goes to the end.
        self._file.truncate(self._end_of_line)
        self._file.write(text)
        self._file.flush()

    def release(self) -> None:
        """Remove the file and let go; nothing in a child of the process that holds it."""
        if self._file.closed or os.getpid() != self._pid:
            return
        with contextlib.suppress(OSError):
            # Another process may have taken it for abandoned, and hold a new one of this name.
            if _is_at(self._file, self.path):
                self.path.unlink()
        self._file.close()


class Holder(Exception):  # noqa: N818
    """Another process holds the file; the text says which."""


def hold(path: PathLike) -> Optional[HeldFile]:
    """Hold ``path``, which is made where it is missing, until :meth:`HeldFile.release` or the end of the process.

    Returns:
        None where the system, or the file system, has no such locks.

    Raises:
        Holder: Another process holds it.
        OSError: The file cannot be made.
    """
    try:
        import fcntl
    except ImportError:
        return None
    path = Path(path)
    while True:
        file = open(path, 'a+', encoding='utf-8')  # noqa: SIM115
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            holder = file.read().strip() or 'another process'
            file.close()
            raise Holder(holder) from error
        except OSError:
            file.close()
            return None
        if _is_at(file, path):
            break
        # Whoever held it has removed it in the meantime.
        file.close()
    file.truncate(0)
    file.write(_this_process())
    file.flush()
    held = HeldFile(path, file)
    atexit.register(held.release)
    return held


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _this_process() -> str:
    since = time.strftime('%Y-%m-%d %H:%M:%S')
    return f'process {os.getpid()} on {socket.gethostname()}, since {since}: {" ".join(sys.argv)}\n'
