"""Images of a folder of sub-images, an LMDB or a raw image store, in bounded memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Optional

from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.image_reader import ImageReader
from bsr_plugins.data.images.lmdb_reader import open_reader

if TYPE_CHECKING:
    import numpy as np


class LmdbImages:
    """Reader of one folder of sub-images, which several threads may share.

    Args:
        path: The folder.
        reads_per_mapping: The database is mapped anew after that many reads: pages that were read count as memory of
            the process until the mapping goes, so that otherwise a pass over the data would grow by all of it.
    """

    def __init__(self, path: PathLike, reads_per_mapping: int = 2048) -> None:
        self.path = path
        self._reads_per_mapping = reads_per_mapping
        self._reads = 0
        self._reader: Optional[ImageReader] = None
        self._lock = threading.Lock()

    def pixels(self, key: str) -> np.ndarray:
        """Return the image of ``key``: (H, W, 3), uint8, BGR; it may be read-only, and is not to be written to.

        Raises:
            DataError: The folder is missing or damaged, has no such image, or its record is none.
        """
        return self._current().pixels(key)

    def rgb(self, key: str) -> np.ndarray:
        """Return the image of ``key``: (H, W, 3), uint8, RGB, an array of its own.

        Raises:
            DataError: See :meth:`pixels`.
        """
        import cv2

        return cv2.cvtColor(self.pixels(key), cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        """Let go of the database, which unmaps it unless others of this process read it; the next read opens it."""
        with self._lock:
            self._reader = None

    def _current(self) -> ImageReader:
        with self._lock:
            if self._reader is None or self._reads >= self._reads_per_mapping:
                self._reader = None
                self._reader, self._reads = open_reader(self.path), 0
            self._reads += 1
            return self._reader
