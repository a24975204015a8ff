"""Files that are never seen half-written: written beside their destination, flushed, then moved into place."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
import time
import zlib
from pathlib import Path
from typing import Iterator, Set, Union

PathLike = Union[str, 'os.PathLike[str]']

_LEFTOVER = re.compile(r'\..*\.(?:(?P<host>[0-9a-f]{8})-)?(?P<pid>\d+)-[0-9a-f]{8}\.partial(?:\.[^.]*)?', re.DOTALL)
# Nothing is written for so long without its file changing.
_ABANDONED_SECONDS = 24 * 3600
_swept: Set[str] = set()


@contextlib.contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is flushed and replaces ``path``, else it is removed.

    File and folder are flushed always, small files too: on an SSD that takes a few milliseconds, far less than the
    work that led to what is written, and without it a power cut can leave the new name on an empty file.

    The temporary file lies in the same folder, so that ``os.replace`` is atomic. It keeps the suffix of ``path``, since
    writers such as ``cv2.imwrite`` choose the format by it. Two processes may write the same ``path``, on two
    machines too: the last one wins and nobody sees a mixture. What killed processes left in the folder goes, too
    (:func:`sweep`).

    Raises:
        OSError: It cannot be written; with the name ``path``, where what failed has none of its own.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.abspath(path.parent) not in _swept:
        sweep(path.parent)
    temporary = path.with_name(f'.{path.stem}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.partial{path.suffix}')
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        flush_folder(path.parent)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def sweep(folder: PathLike) -> None:
    """Remove the temporary files of :func:`replacing` that nobody writes any more.

    These are those of processes of this machine that are gone, and those that have not changed for a day: whether a
    process on another machine lives cannot be told.
    """
    _swept.add(os.path.abspath(folder))
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _LEFTOVER.fullmatch(entry.name)
            if found is None:
                continue
            # Another process may sweep here at the same time.
            with contextlib.suppress(OSError):
                is_gone = found['host'] == _host() and not _is_alive(int(found['pid']))
                if is_gone or time.time() - entry.stat().st_mtime > _ABANDONED_SECONDS:
                    os.unlink(entry.path)


@contextlib.contextmanager
def naming(path: PathLike) -> Iterator[None]:
    """Let an OSError of the block that names no file (a full disk, seen while writing) name ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def write_text(path: PathLike, text: str) -> None:
    """Write ``text`` (UTF-8) to ``path``, all of it or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding='utf-8')


def flush_folder(folder: PathLike) -> None:
    """Wait until the names in ``folder`` are on disk, where the system has a way to ask for that."""
    if os.name != 'posix':
        return
    # Some network file systems refuse to flush a folder.
    with contextlib.suppress(OSError):
        _flush(Path(folder))


def _host() -> str:
    """Return what tells apart the machines, and the containers on one, whose process numbers mean different things."""
    try:
        space = os.stat('/proc/self/ns/pid').st_ino
    except OSError:
        space = 0
    return f'{zlib.crc32(f"{platform.node()} {space}".encode(errors="replace")):08x}'


def _is_alive(pid: int) -> bool:
    if os.name != 'posix':
        # There signal 0 ends a process.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
