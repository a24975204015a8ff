"""An LMDB in BasicSR's format that grows by itself, survives being killed, and is seen under its name only if whole."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from bsr_plugins.common import files
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.lmdb_file import check_lmdb
from bsr_plugins.data.subimages.lmdb_manifest import (
    MEASURED,
    META_INFO,
    manifest_text,
    read_manifest,
    write_manifest,
)

Items = Sequence[Tuple[str, Any]]

PARTIAL = '.partial'
_FIRST_MAP_BYTES = 1 << 26
_KEYS_PER_MAPPING = 64
_FULL_BYTES = 1 << 26


class LMDBWriter:
    """Writes ``path`` through ``path.partial``; all that is put between two flushes is one transaction.

    An earlier ``path.partial`` is continued where its manifest is the same (but for what stands in a
    finished one alone), else made anew. ``continued`` says which.

    Args:
        path: The LMDB folder to make; it must not be there.
        manifest: What goes into manifest.json; what is known at the end alone (``MEASURED``) is added then.
        is_earlier: Whether a folder, an earlier ``path.partial``, is a part of what is asked for now; None: where its
            manifest is the same.
        counted: The entry of the manifest that says how many records there are.

    Raises:
        DataError: the folder or the data base in it cannot be written (every method).
    """

    def __init__(
        self,
        path: PathLike,
        manifest: Dict[str, Any],
        is_earlier: Optional[Callable[[Path], bool]] = None,
        counted: str = 'sub_images',
    ) -> None:
        self._counted = counted
        self._is_earlier = is_earlier or self._has_same_manifest
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + PARTIAL)
        self.manifest = manifest
        self._pending: List[Tuple[bytes, Any]] = []
        self.pending_bytes = 0
        self._env: Any = None  # an lmdb.Environment; none while it is closed
        with write_errors(self.partial):
            self.continued = self._continue_partial()
            if not self.continued:
                self._start_over()

    def has(self, key: str) -> bool:
        """Return whether ``key`` is there; a group's first key tells whether the group is."""
        with self._env.begin() as transaction:
            return transaction.get(key.encode('ascii')) is not None

    def put(self, items: Items) -> None:
        """Keep one group of (key, bytes-like) for the next flush; ``pending_bytes`` says how much is kept."""
        self._pending.extend((key.encode('ascii'), value) for key, value in items)
        self.pending_bytes += sum(len(value) for _, value in items)

    def flush(self) -> None:
        """Write what is pending and wait until it is on disk: after a kill all of it is there, or nothing."""
        import lmdb

        with write_errors(self.partial):
            while self._pending:
                try:
                    with self._env.begin(write=True) as transaction:
                        for key, value in self._pending:
                            transaction.put(key, value)
                    break
                except lmdb.MapFullError:
                    self._env.set_mapsize(2 * self._env.info()['map_size'])
            self._pending.clear()
            self.pending_bytes = 0
            # What was mapped to be read counts as memory of the process until the mapping goes.
            self.close()
            self._env = self._open()

    def count(self) -> int:
        """Return how many items are written."""
        return self._env.stat()['entries']

    def complete(self, line_end: Union[str, Callable[[memoryview], str]], **measured: Any) -> None:
        """Write meta_info.txt (``<key>.png <line_end>``, in key order) and the manifest: all but moving into place.

        Args:
            line_end: The rest of a line, or what gives it for a record.
            measured: Entries of the manifest beside the count.
        """
        self.flush()
        count = self.count()
        self.close()
        with write_errors(self.partial):
            with files.replacing(self.partial / META_INFO) as temporary, open(temporary, 'w', encoding='ascii') as text:
                for key, record in records(self.partial):
                    text.write(f'{key}.png {line_end if isinstance(line_end, str) else line_end(record)}\n')
            write_manifest(self.partial, {**self.manifest, self._counted: count, **measured})

    def move_into_place(self) -> None:
        """Give the completed folder its name."""
        with write_errors(self.partial):
            # It says which processes had the data base open; whoever opens it anew makes another.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.partial / 'lock.mdb')
            os.replace(self.partial, self.path)
            files.flush_folder(self.path.parent)

    def close(self) -> None:
        """Close the data base; what is pending and not flushed is dropped."""
        if self._env is not None:
            self._env.close()
            self._env = None

    def _continue_partial(self) -> bool:
        import lmdb

        if not self.partial.is_dir():
            return False
        try:
            if not self._is_earlier(self.partial):
                return False
        except DataError:
            return False
        try:
            check_lmdb(self.partial)
            self._env = self._open()
            self.count()
        except (DataError, lmdb.Error):
            self.close()
            return False
        return True

    def _has_same_manifest(self, partial: Path) -> bool:
        earlier = {name: value for name, value in read_manifest(partial).items() if name not in MEASURED}
        return manifest_text(earlier) == manifest_text(self.manifest)

    def _start_over(self) -> None:
        if self.partial.is_dir():
            shutil.rmtree(self.partial)
        self.partial.mkdir(parents=True)
        self._env = self._open()
        write_manifest(self.partial, self.manifest)

    def _open(self) -> Any:
        import lmdb

        data = self.partial / 'data.mdb'
        size = max(_FIRST_MAP_BYTES, 2 * data.stat().st_size if data.exists() else 0)
        # Pages are on disk when a transaction returns; that the newest one is known to be the newest may come later.
        return lmdb.open(str(self.partial), map_size=size, metasync=False, max_spare_txns=1)


def remove_leftovers(path: Path) -> None:
    """Remove what killed runs left in and beside a finished LMDB; the caller holds its folder."""
    files.sweep(path)
    shutil.rmtree(path.with_name(path.name + PARTIAL), ignore_errors=True)


@contextlib.contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn what the file system and LMDB report into a DataError with the folder and the space left."""
    import lmdb

    try:
        yield
    except (OSError, lmdb.Error) as error:
        folder = next(parent for parent in (path, *path.parents) if parent.exists())
        free = shutil.disk_usage(folder).free
        why = ': the disk is full' if free < _FULL_BYTES else ''
        raise DataError(
            f'{path} cannot be written{why}',
            where=path,
            found=f'{error} ({free >> 20} MiB free)',
            remedy='free some space or fix the cause, then run the same command again: it continues from here',
        ) from error


def records(folder: Path) -> Iterator[Tuple[str, memoryview]]:
    """Yield (key, record) in key order; a record is valid until the next one.

    The file is mapped anew now and then, so that what was read does not stay in memory.
    """
    import lmdb

    last = b''
    while True:
        with lmdb.open(str(folder), readonly=True, lock=False) as env, env.begin(buffers=True) as transaction:
            cursor = transaction.cursor()
            more = cursor.set_range(last) if last else cursor.first()
            if last and more and bytes(cursor.key()) == last:
                more = cursor.next()
            for _ in range(_KEYS_PER_MAPPING):
                if not more:
                    return
                last = bytes(cursor.key())
                yield last.decode('ascii'), cursor.value()
                more = cursor.next()
