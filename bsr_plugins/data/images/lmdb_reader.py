"""Images for training by their keys: one reader per process and LMDB, or raw image store; safe after fork."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any, Optional

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.image_reader import ImageReader, the_reader
from bsr_plugins.data.images.image_reading import decoded, quickly_decoded
from bsr_plugins.data.images.image_store import is_store
from bsr_plugins.data.images.lmdb_file import DATA, REMAKE, check_lmdb

if TYPE_CHECKING:
    import numpy as np

_CLOSING_SECONDS = 1.0
_lock = threading.Lock()


class LmdbReader(ImageReader):
    """An open LMDB in BasicSR's format; get one from ``open_reader``. Nothing is written and no lock is taken.

    After a fork the child's first read closes the inherited handle and opens its own, as LMDB asks. A pickled reader
    opens the same LMDB where it is unpickled.

    Raises:
        DataError: The LMDB is missing or damaged.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = os.fspath(path)
        self._open()

    def begin(self, **kwargs: Any) -> Any:
        """Begin a transaction, as ``lmdb.Environment.begin``: what BasicSR's ``LmdbBackend`` calls."""
        if self._pid != os.getpid():
            with _lock:
                if self._pid != os.getpid():
                    self._environment.close()
                    self._open()
        self._check_size()
        return self._environment.begin(**kwargs)

    def get(self, key: str) -> Optional[bytes]:
        """Return the record of ``key``, or None where there is none.

        Raises:
            DataError: The database is damaged, or cut short meanwhile.
        """
        import lmdb

        try:
            with self.begin(write=False) as transaction:
                return transaction.get(key.encode('ascii'))
        except (UnicodeEncodeError, lmdb.BadValsizeError):  # a key has 1 to 511 bytes of ASCII
            return None
        except lmdb.Error as error:
            raise DataError(f'The LMDB is damaged at {key!r}', where=self.path, found=error, remedy=REMAKE) from error

    def pixels(self, key: str) -> np.ndarray:
        """Return the image of ``key``: (H, W, 3), uint8, BGR; it may be read-only, and is not to be written to.

        Raises:
            DataError: There is no such record, or it is no image.
        """
        return decode_record(self.path, key, self.record(key))

    def _check_size(self) -> None:
        # What was mapped and is no longer there kills the process that reads it.
        try:
            size = os.stat(self._data).st_size
        except OSError:  # removed or renamed: the mapping holds it
            return
        if size < self._least_bytes:
            raise DataError(
                f'The LMDB was cut short while it was read: {self._data}',
                where=self.path,
                expected=f'at least {self._least_bytes:,} bytes',
                found=f'{size:,} bytes',
                remedy=REMAKE,
            )

    def _open(self) -> None:
        import lmdb

        self._data = os.path.join(self.path, DATA)
        self._least_bytes = check_lmdb(self.path)
        # A reader that nobody holds any more may still be closing in another thread.
        last_try = time.monotonic() + _CLOSING_SECONDS
        while True:
            try:
                self._environment: Any = lmdb.open(self.path, readonly=True, lock=False, readahead=False, meminit=False)
                break
            except lmdb.Error as error:
                if 'already open' not in str(error) or time.monotonic() > last_try:
                    raise DataError('The LMDB cannot be opened', where=self.path, found=error, remedy=REMAKE) from error
                time.sleep(0.001)
        self._pid = os.getpid()


def open_reader(path: PathLike) -> ImageReader:
    """Return this process's reader of the LMDB, or the raw image store, ``path``.

    It closes when the last user lets go of it. One per process, because the lmdb package refuses to open a database
    twice in one.

    Raises:
        DataError: It is missing or damaged.
    """
    folder = os.path.realpath(path)
    if is_store(path) or is_store(folder):
        from bsr_plugins.data.images.store_reader import StoreReader

        return the_reader(StoreReader, folder)
    return the_reader(LmdbReader, folder)


def decode_record(path: PathLike, key: str, record: bytes) -> np.ndarray:
    """Return the image of a record as OpenCV decodes it: (H, W, 3), uint8, BGR. May be called from any thread.

    Args:
        path: The LMDB that holds it, for errors.
        key: Its key, for errors.
        record: Its bytes.

    Raises:
        DataError: The record is no image.
    """
    import cv2
    import numpy as np

    image = quickly_decoded(record, cv2.IMREAD_COLOR)
    if image is not None:
        return image
    return decoded(
        lambda: cv2.imdecode(np.frombuffer(record, np.uint8), cv2.IMREAD_COLOR),
        record,
        f'the record {key!r} of the LMDB',
        f'{path}: {key}',
        REMAKE,
    )
