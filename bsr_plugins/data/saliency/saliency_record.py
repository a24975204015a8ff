"""One saliency map as the record of an LMDB: an 8-bit grey PNG that says which image it is of."""

from __future__ import annotations

import re
import struct
import zlib
from typing import NamedTuple, Optional, Tuple, Union

import numpy as np

from bsr_plugins.data.images.image_reading import decoded

# Where a PNG's first chunk, IHDR, ends: the signature, and 25 bytes.
_AFTER_HEADER = 33
_KEYWORD = b'Source\0'
_SOURCE = re.compile(rb'(\d+)x(\d+) cell (\d+) crc32 ([0-9a-f]{8})')


class MapSource(NamedTuple):
    """The image that a map is of.

    Attributes:
        height, width: Of the image.
        cell: Side in pixels of the square that one pixel of the map stands for.
        crc32: Of the image's bytes, (height, width, 3) uint8 BGR.
    """

    height: int
    width: int
    cell: int
    crc32: int

    @property
    def shape(self) -> Tuple[int, int]:
        """Rows and columns of the map."""
        return -(-self.height // self.cell), -(-self.width // self.cell)


def source_of(image: np.ndarray, cell: int) -> MapSource:
    """Return what the map of ``image``, (h, w, 3) uint8 BGR, says of it; however the image was encoded."""
    return MapSource(image.shape[0], image.shape[1], cell, zlib.crc32(np.ascontiguousarray(image).data))


def encode_map(cells: np.ndarray, source: MapSource) -> bytes:
    """Return the record of a map: a PNG with ``source`` as its text chunk.

    Args:
        cells: (ceil(h / cell), ceil(w / cell)) uint8.
        source: The image.
    """
    import cv2

    png = bytes(cv2.imencode('.png', cells, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1])
    text = f'{source.height}x{source.width} cell {source.cell} crc32 {source.crc32:08x}'.encode()
    chunk = b'tEXt' + _KEYWORD + text
    written = struct.pack('>I', len(chunk) - 4) + chunk + struct.pack('>I', zlib.crc32(chunk))
    return png[:_AFTER_HEADER] + written + png[_AFTER_HEADER:]


def decode_source(record: Union[bytes, memoryview]) -> Optional[MapSource]:
    """Return the image that a record is the map of; None where it does not say so: it was not made here."""
    head = bytes(record[_AFTER_HEADER : _AFTER_HEADER + 128])
    if head[4 : 8 + len(_KEYWORD)] != b'tEXt' + _KEYWORD:
        return None
    found = _SOURCE.match(head, 8 + len(_KEYWORD))
    if found is None:
        return None
    height, width, cell, crc32 = found.groups()
    return MapSource(int(height), int(width), int(cell), int(crc32, 16))


def decode_cells(record: bytes, what: str, where: str, remedy: str) -> np.ndarray:
    """Return the cells of a record as they were encoded.

    Raises:
        DataError: It is no image; with the words that are given.
    """
    import cv2

    return decoded(
        lambda: cv2.imdecode(np.frombuffer(record, np.uint8), cv2.IMREAD_GRAYSCALE), record, what, where, remedy
    )


def spread(cells: np.ndarray, source: MapSource) -> np.ndarray:
    """Return the value of each pixel of the image, (h, w): pixel (y, x) reads cell (y // cell, x // cell)."""
    if source.cell == 1:
        return cells
    rows, columns = (np.arange(side) // source.cell for side in (source.height, source.width))
    return cells[rows[:, None], columns]


def cell_means(saliency: np.ndarray, cell: int) -> np.ndarray:
    """Return the means over squares of ``cell`` x ``cell`` pixels, those at the right and bottom edge smaller.

    Args:
        saliency: (h, w) float.
        cell: Their side.
    """
    height, width = saliency.shape
    if cell == 1:
        return saliency
    rows, columns = range(0, height, cell), range(0, width, cell)
    sums = np.add.reduceat(np.add.reduceat(saliency.astype(np.float64), rows, 0), columns, 1)
    counts = [np.minimum(cell, side - np.arange(0, side, cell)) for side in (height, width)]
    return sums / np.outer(*counts)


def to_bytes(cells: np.ndarray) -> np.ndarray:
    """Return cells as uint8: the largest is 255, the others in proportion; all zero where all are zero."""
    largest = cells.max()
    return np.rint(cells * (255 / largest)).astype(np.uint8) if largest > 0 else np.zeros(cells.shape, np.uint8)
