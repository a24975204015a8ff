"""What several processes make in shards: files or folders of parts beside the whole one, put together by the last.

No process waits for another's work. A process that finds a shard unfinished leaves; whoever finishes the last one finds
all of them there, and makes the whole.
"""

from __future__ import annotations

import glob
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator, List, NamedTuple, Optional

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.locks import HeldFile, Holder, hold
from bsr_plugins.common.shard import Shard

_SECONDS_BETWEEN_TRIES = 0.2


class ShardedWork(NamedTuple):
    """What is done for a shard, and with all of them.

    Attributes:
        is_whole: Whether the whole is there and is what is asked for; may raise where it is something else.
        is_part: Whether the shard in a path is finished, of this request and not damaged.
        make: Makes a shard in a path; returns how much of it was not there yet.
        put_together: Makes the whole of the shards in some paths, in their order; a call after a killed one goes on.
    """

    is_whole: Callable[[], bool]
    is_part: Callable[[Path], bool]
    make: Callable[[Path, Shard], int]
    put_together: Callable[[List[Path]], None]


class MadeShard(NamedTuple):
    """What a call of :func:`make_shard` has done.

    Attributes:
        made: What ``make`` returned; 0 where the shard was there.
        missing: Numbers of the shards that are not finished; [] where the whole is there.
    """

    made: int
    missing: List[int]


def make_shard(out: Path, shard: Shard, work: ShardedWork) -> MadeShard:
    """Make one shard of ``out``, and ``out`` itself where it was the last one to be finished.

    A shard that is finished is left alone, so that a killed process, or one that was killed while it put the shards
    together, is continued by the same call.

    Raises:
        DataError: Another process makes the same shard.
    """
    path = shard_path(out, shard)
    made = 0
    with held(path):
        if not work.is_whole() and not work.is_part(path):
            made = work.make(path, shard)
    with held_after_others(out):
        if not work.is_whole():
            paths = [shard_path(out, Shard(number, shard.total)) for number in range(1, shard.total + 1)]
            missing = [number for number, each in enumerate(paths, 1) if not work.is_part(each)]
            if missing:
                return MadeShard(made, missing)
            work.put_together(paths)
        remove_shards(out)
    return MadeShard(made, [])


def shard_path(out: Path, shard: Shard) -> Path:
    """Return where one shard lies, beside the whole."""
    return out.with_name(f'{out.name}.shard_{shard.number}_of_{shard.total}')


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold ``path`` against other processes, by a file beside it.

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
    """Hold ``path``, once those that hold it now let go of it."""
    file = None
    while True:
        try:
            file = hold(_lock(path))
            break
        except Holder:
            time.sleep(_SECONDS_BETWEEN_TRIES)
    yield from _released(file)


def remove_shards(out: Path) -> None:
    """Remove the shards of a finished whole, and their parts (``.partial``); those that a process is making stay."""
    for found in out.parent.glob(f'{glob.escape(out.name)}.shard_*'):
        if found.suffix == '.lock':
            continue
        path = found.with_suffix('') if found.suffix == '.partial' else found
        with suppress(Holder):
            file = hold(_lock(path))
            if found.is_dir():
                shutil.rmtree(found, ignore_errors=True)
            else:
                with suppress(OSError):
                    found.unlink()
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
