"""Images of a raw image store by their keys: views of its files, which are mapped into memory."""

from __future__ import annotations

import mmap
import os
from tokenize import TokenError
from typing import Dict, List, Optional, Sequence, Tuple
from zipfile import BadZipFile

import numpy as np

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.image_reader import ImageReader
from bsr_plugins.data.images.image_store import FIELDS, HEADER, INDEX, check_bytes, raw_name, read_header
from bsr_plugins.data.images.lmdb_file import REMAKE
from bsr_plugins.data.images.window_positions import place_of


class StoreReader(ImageReader):
    """An open raw image store; get one from ``open_reader``. Its files are mapped when they are first read.

    Mapped pages are shared by all processes. After a fork the child goes on with them; a pickled reader opens the same
    store where it is unpickled. All arrays are views of the mapping: read-only, and valid as long as they are held.

    Raises:
        DataError: The store is missing or damaged.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = os.fspath(path)
        self._header = read_header(path)
        where = os.path.join(self.path, INDEX)
        try:
            images = np.load(where, allow_pickle=False)
            # Each contiguous, so that a search copies nothing.
            self._keys = np.ascontiguousarray(images['key'])
            self._columns = tuple(np.ascontiguousarray(images[name]) for name, _ in FIELDS)
            fits = _fits(images, self._header.file_bytes)
        except (OSError, ValueError, LookupError, TypeError, EOFError, SyntaxError, TokenError, BadZipFile) as error:
            raise DataError(
                f'The raw image store is damaged: {where}', where=where, found=error, remedy=REMAKE
            ) from error
        if not fits:
            raise DataError(
                'The raw image store is damaged: its index does not fit its files',
                where=where,
                expected='keys in ascending order, and each file one image behind the other',
                remedy=REMAKE,
            )
        self._made = _identity(self.path)
        self._paths = [os.path.join(self.path, raw_name(number)) for number in range(len(self._header.file_bytes))]
        self._files: Dict[int, np.ndarray] = {}

    def images(self) -> List[str]:
        """Return the keys of the whole images, sorted."""
        return [key.decode('ascii') for key in self._keys]

    def get(self, key: str) -> Optional[bytes]:
        """Return an image as the bytes of a BMP, None where there is none: for whoever reads records.

        :meth:`pixels` copies and encodes nothing.
        """
        import cv2

        found = self._found(key)
        return None if found is None else cv2.imencode('.bmp', found)[1].tobytes()

    def pixels(self, key: str) -> np.ndarray:
        """Return a window by its key, ``<image>_s001``, or a whole image by its own: (H, W, 3) uint8, BGR.

        It is a read-only view of the file.

        Raises:
            DataError: There is no such image, or the store was cut short meanwhile.
        """
        found = self._found(key)
        if found is None:
            raise DataError(f'The raw image store has no image {key!r}', where=self.path, remedy=REMAKE)
        return found

    def _found(self, key: str) -> Optional[np.ndarray]:
        image, is_window, number = key.rpartition('_s')
        row = self._row(image) if is_window and number.isdecimal() else None
        if row is None:
            row = self._row(key)
            return None if row is None else self._pixels_of(row)
        pixels, mod = self._pixels_of(row), self._header.mod
        height, width = (side - side % mod for side in pixels.shape[:2])
        place, side = place_of(int(number), height, width, self._header.grid), self._header.grid[0]
        return None if place is None else pixels[place[0] : place[0] + side, place[1] : place[1] + side]

    def _row(self, image: str) -> Optional[int]:
        wanted = image.encode('ascii', errors='replace')
        if len(wanted) > self._keys.itemsize:
            return None
        place = int(self._keys.searchsorted(wanted))
        return place if place < len(self._keys) and self._keys[place] == wanted else None

    def _pixels_of(self, row: int) -> np.ndarray:
        number, offset, height, width = (column.item(row) for column in self._columns)
        path = self._paths[number]
        mapped = self._files.get(number)
        # What was mapped and is cut short kills the process that reads it; one that is removed is held by the mapping.
        check_bytes(path, self._header.file_bytes[number], is_held=mapped is not None)
        if mapped is None:
            mapped = _mapped(path)
            if _identity(self.path) != self._made:
                raise DataError(
                    'The raw image store was replaced while it was read',
                    where=self.path,
                    remedy='leave it as it is during a run, and start it again with --auto_resume',
                )
            self._files[number] = mapped
        return mapped[offset : offset + height * width * 3].reshape(height, width, 3)


def _fits(images: np.ndarray, file_bytes: Sequence[int]) -> bool:
    """Return whether an index has ascending keys of ASCII, and its images fill the files without gap or overlap."""
    width = images.dtype['key'].itemsize
    if images.dtype != np.dtype([('key', f'S{width}'), *FIELDS]) or images.ndim != 1 or not len(images):
        return False
    keys = images['key']
    if not (keys[1:] > keys[:-1]).all() or (np.frombuffer(keys.tobytes(), np.uint8) > 127).any():
        return False
    in_files = images[np.lexsort((images['offset'], images['file']))]
    areas = in_files['height'].astype(np.uint64) * in_files['width']
    if not areas.all() or (areas > max(file_bytes)).any() or in_files['file'][-1] >= len(file_bytes):
        return False
    ends = np.cumsum(3 * areas)
    begins = ends - 3 * areas
    before = np.concatenate([[0], np.cumsum(np.array(file_bytes, np.uint64))]).astype(np.uint64)
    is_last = np.append(in_files['file'][1:] != in_files['file'][:-1], True)
    return bool(
        (in_files['offset'] == begins - before[in_files['file']]).all() and np.array_equal(ends[is_last], before[1:])
    )


def _identity(path: str) -> Tuple[int, ...]:
    try:
        status = os.stat(os.path.join(path, HEADER))
    except OSError as error:
        raise DataError(f'{path} cannot be read', where=path, found=error, remedy=REMAKE) from error
    return status.st_size, status.st_mtime_ns, status.st_ino


def _mapped(path: str) -> np.ndarray:
    try:
        with open(path, 'rb') as stream:
            return np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    except (OSError, ValueError) as error:
        raise DataError(f'{path} cannot be read', where=path, found=error) from error
