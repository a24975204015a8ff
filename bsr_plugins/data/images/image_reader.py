"""What the readers of an LMDB and of a raw image store have in common."""

from __future__ import annotations

import abc
import threading
import weakref
from typing import TYPE_CHECKING, List, Optional, Type

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.lmdb_file import REMAKE

if TYPE_CHECKING:
    import numpy as np


class ImageReader(abc.ABC):
    """Images by their keys. A pickled reader opens the same images where it is unpickled.

    Attributes:
        path: The folder.
    """

    path: str

    @abc.abstractmethod
    def __init__(self, path: PathLike) -> None: ...

    def __reduce__(self) -> tuple:
        return the_reader, (type(self), self.path)

    @abc.abstractmethod
    def get(self, key: str) -> Optional[bytes]:
        """Return the encoded image of ``key``, or None where there is none.

        Raises:
            DataError: The images are damaged, or cut short meanwhile.
        """

    def record(self, key: str) -> bytes:
        """Return the encoded image of ``key``, which has to be there.

        Raises:
            DataError: There is no such image, or the images are damaged.
        """
        record = self.get(key)
        if record is None:
            raise DataError(
                f'The LMDB has no record {key!r}, though its meta_info.txt lists it',
                where=self.path,
                remedy=REMAKE,
            )
        return record

    @abc.abstractmethod
    def pixels(self, key: str) -> np.ndarray:
        """Return the image of ``key``: (H, W, 3), uint8, BGR; it may be read-only, and is not to be written to.

        Raises:
            DataError: There is no such image, or what is stored is none.
        """

    def images(self) -> List[str]:
        """Return the keys of the whole images of a raw image store, sorted.

        Raises:
            DataError: An LMDB does not know them.
        """
        raise DataError('Not both are raw image stores', where=self.path, remedy='name two, or two LMDBs')

    def image(self, key: str) -> np.ndarray:
        """Return the image of ``key`` as BasicSR reads it: (H, W, 3), float32, BGR, in [0, 1].

        Raises:
            DataError: There is no such image, or what is stored is none.
        """
        import numpy as np

        return self.pixels(key).astype(np.float32) / 255.0


_readers: weakref.WeakValueDictionary[str, ImageReader] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def the_reader(kind: Type[ImageReader], folder: str) -> ImageReader:
    """Return this process's reader of ``folder``; it closes when the last user lets go of it.

    Args:
        kind: What opens it, where it is not open yet.
        folder: Its real path.
    """
    with _lock:
        reader = _readers.get(folder)
        if reader is None:
            reader = _readers[folder] = kind(folder)
        return reader
