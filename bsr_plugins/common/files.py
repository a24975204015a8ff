"""Files that are never seen half-written: written beside their destination, flushed, then moved into place."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Iterator, Union

PathLike = Union[str, 'os.PathLike[str]']


@contextlib.contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is flushed and replaces ``path``, else it is removed.

    File and folder are flushed always, small files too: on an SSD that takes a few milliseconds, far less than the
    work that led to what is written, and without it a power cut can leave the new name on an empty file.

    The temporary file lies in the same folder, so that ``os.replace`` is atomic. It keeps the suffix of ``path``, since
    writers such as ``cv2.imwrite`` choose the format by it. Two processes may write the same ``path``, on two
    machines too: the last one wins and nobody sees a mixture.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.stem}.{os.getpid()}-{secrets.token_hex(4)}.partial{path.suffix}')
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        flush_folder(path.parent)
    finally:
        if temporary.exists():
            temporary.unlink()


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


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
