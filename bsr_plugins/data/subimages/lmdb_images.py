"""Images out of an LMDB or a raw image store, one after the other, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.image_reader import ImageReader
from bsr_plugins.data.images.image_store import is_store
from bsr_plugins.data.images.lmdb_reader import decode_record, open_reader

if TYPE_CHECKING:
    import numpy as np


class LmdbImages:
    """Sequential reader: ``read(key)`` gives a record's bytes, ``decode`` makes an image of them.

    Of a raw image store ``read`` gives the pixels, so that nothing is encoded and decoded again.

    Args:
        path: The LMDB or the raw image store.
        reads_per_mapping: The database is mapped anew after that many reads: pages that were read count as memory of
            the process until the mapping goes, so that otherwise a pass over the data would grow by all of it.
    """

    def __init__(self, path: PathLike, reads_per_mapping: int = 2048) -> None:
        self.path = path
        self._reads_per_mapping = reads_per_mapping
        self._reads = 0
        self._reader: Optional[ImageReader] = None

    def read(self, key: str) -> Any:
        """Return the record of ``key``.

        Raises:
            DataError: The LMDB is missing or damaged, or has no such record.
        """
        if self._reader is None or self._reads >= self._reads_per_mapping:
            self.close()
            self._reader, self._reads = open_reader(self.path), 0
        self._reads += 1
        return self._reader.pixels(key) if is_store(self.path) else self._reader.record(key)

    def decode(self, key: str, record: Any) -> np.ndarray:
        """Return the image of what :meth:`read` gave: (H, W, 3), uint8, RGB. May be called from any thread.

        Raises:
            DataError: The record is no image.
        """
        import cv2

        image = decode_record(self.path, key, record) if isinstance(record, bytes) else record
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        """Let go of the database, which unmaps it unless others of this process read it; the next read opens it."""
        self._reader = None
