"""The orientation tag of an image file, which OpenCV applies when it reads and other readers leave to the viewer."""

from __future__ import annotations

import mmap
import struct
from typing import Optional, Union

from bsr_plugins.common.files import PathLike

_TAG, _SHORT = 0x112, 3
#: What OpenCV does with the stored pixels, by the value of the tag.
TURNS = {
    1: 'as stored',
    2: 'mirrored left to right',
    3: 'turned by 180 degrees',
    4: 'mirrored upside down',
    5: 'transposed',
    6: 'turned by 90 degrees clockwise',
    7: 'transposed and turned by 180 degrees',
    8: 'turned by 90 degrees counter-clockwise',
}
Content = Union[bytes, mmap.mmap]


def orientation_of(path: PathLike) -> int:
    """Return the orientation of an image file, as :func:`orientation`; 1 where it cannot be read. Little is read."""
    try:
        with open(path, 'rb') as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return orientation(content)
    except (OSError, ValueError):  # an empty file cannot be mapped
        return 1


def orientation(content: Content) -> int:
    """Return the value of the orientation tag, 1 to 8, of a JPEG, PNG, WebP or TIFF; 1 where there is none."""
    try:
        value = _value(content)
    except (struct.error, IndexError):
        value = None
    return value if value in TURNS else 1


def _value(content: Content) -> Optional[int]:
    if content[:3] == b'\xff\xd8\xff':
        return _of_jpeg(content)
    if content[:8] == b'\x89PNG\r\n\x1a\n':
        return _of_png(content)
    if content[:4] == b'RIFF' and content[8:16] == b'WEBPVP8X':
        return _of_webp(content)
    return _of_tiff(content, 0)


def _of_jpeg(content: Content) -> Optional[int]:
    place = 2
    while content[place] == 0xFF and content[place + 1] not in (0xDA, 0xD9):
        length = struct.unpack_from('>H', content, place + 2)[0]
        if content[place + 1] == 0xE1 and content[place + 4 : place + 10] == b'Exif\0\0':
            return _of_tiff(content, place + 10)
        # A fill byte stands alone.
        place += 1 if content[place + 1] == 0xFF else 2 + length
    return None


def _of_png(content: Content) -> Optional[int]:
    place = 8
    while content[place + 4 : place + 8] not in (b'IDAT', b'IEND', b''):
        if content[place + 4 : place + 8] == b'eXIf':
            return _of_tiff(content, place + 8)
        place += 12 + struct.unpack_from('>I', content, place)[0]
    return None


def _of_webp(content: Content) -> Optional[int]:
    place = 12
    while content[place : place + 4] not in (b'EXIF', b''):
        length = struct.unpack_from('<I', content, place + 4)[0]
        place += 8 + length + length % 2
    begin = place + (14 if content[place + 8 : place + 14] == b'Exif\0\0' else 8)
    return _of_tiff(content, begin)


def _of_tiff(content: Content, begin: int) -> Optional[int]:
    order = {b'II*\0': '<', b'MM\0*': '>'}.get(bytes(content[begin : begin + 4]))
    if order is None:
        return None
    place = begin + struct.unpack_from(f'{order}I', content, begin + 4)[0]
    for entry in range(struct.unpack_from(f'{order}H', content, place)[0]):
        tag, kind, _, value = struct.unpack_from(f'{order}HHIH', content, place + 2 + 12 * entry)
        if (tag, kind) == (_TAG, _SHORT):
            return value
    return None
