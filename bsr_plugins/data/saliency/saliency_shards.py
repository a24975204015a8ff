"""LMDBs of parts of the maps, which the last process to finish puts together; no process waits for another's work."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.locks import HeldFile, Holder, hold
from bsr_plugins.common.shard import Shard
from bsr_plugins.data.images.lmdb_file import check_lmdb
from bsr_plugins.data.saliency.saliency_manifest import COUNT, is_same_request, read_saliency_manifest
from bsr_plugins.data.subimages.lmdb_writer import LMDBWriter, records, remove_leftovers

_SECONDS_BETWEEN_TRIES = 0.2
_PENDING_BYTES = 1 << 24


def shard_path(out: Path, shard: Shard) -> Path:
    """Return the LMDB of one shard, beside the whole one."""
    return out.with_name(f'{out.name}.shard_{shard.number}_of_{shard.total}')


def is_finished(path: Path, manifest: Dict[str, Any]) -> bool:
    """Return whether the LMDB of a shard is there, is of this request, and is not cut short."""
    if not is_same_request(path, manifest):
        return False
    try:
        check_lmdb(path)
    except DataError:
        return False
    return True


def missing_shards(out: Path, count: int, manifest: Dict[str, Any]) -> List[int]:
    """Return the numbers of the shards that are not finished, are damaged, or are of another request."""
    return [
        number for number in range(1, count + 1) if not is_finished(shard_path(out, Shard(number, count)), manifest)
    ]


def put_together(writer: LMDBWriter, out: Path, count: int) -> int:
    """Copy the maps of all shards; return how many there are in them.

    A process that is killed here leaves a part, which the next one goes on with.
    """
    total = 0
    for number in range(1, count + 1):
        path = shard_path(out, Shard(number, count))
        total += read_saliency_manifest(path, COUNT)[COUNT]
        for key, record in records(path):
            if not writer.has(key):
                writer.put([(key, bytes(record))])
            if writer.pending_bytes > _PENDING_BYTES:
                writer.flush()
    writer.flush()
    return total


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the LMDB ``path`` against other processes, by a file beside it.

    Raises:
        DataError: Another process holds it.
    """
    lock = _lock(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = hold(lock)
    except Holder as holder:
        raise DataError(
            f'Another run is making {path}', where=lock, found=holder, remedy='wait for it, or stop it'
        ) from holder
    yield from _released(file)


@contextmanager
def held_after_others(path: Path) -> Iterator[None]:
    """Hold the LMDB ``path``, once those that hold it now let go of it."""
    file = None
    while True:
        try:
            file = hold(_lock(path))
            break
        except Holder:
            time.sleep(_SECONDS_BETWEEN_TRIES)
    yield from _released(file)


def remove_shards(out: Path) -> None:
    """Remove the shards of a finished LMDB, and what killed runs left; those that a process is making stay."""
    remove_leftovers(out)
    for folder in out.parent.glob(f'{out.name}.shard_*'):
        if not folder.is_dir():
            continue
        path = folder.with_suffix('') if folder.suffix == '.partial' else folder
        with suppress(Holder):
            file = hold(_lock(path))
            shutil.rmtree(folder, ignore_errors=True)
            if file is not None:
                file.release()


def _released(file: Optional[HeldFile]) -> Iterator[None]:
    try:
        yield
    finally:
        if file is not None:
            file.release()


def _lock(path: Path) -> Path:
    return path.with_name(f'{path.name}.lock')
