"""The size that an encoded image declares, refused where its bytes cannot hold that many pixels.

A decoder allocates and fills what the header declares: some hundred bytes can ask for gigabytes.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple, Optional

from bsr_plugins.common.errors import DataError

# Deflate makes no more of a byte; a JPEG of one colour with tables made for it stays below 400 pixels a byte.
_DEFLATE_RATIO = 1032
_JPEG_PIXELS = 1024
_RLE_PIXELS = 1024
_SLACK = 1 << 16
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Start-of-frame markers; C4, C8 and CC are others'.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Declared(NamedTuple):
    """What a header says: the size in pixels, and the bytes of content that this takes at the least."""

    width: int
    height: int
    least_bytes: int


def declared_size(content: bytes) -> Optional[Declared]:
    """Return what the header of a PNG, JPEG or BMP declares; None for other formats and headers cut short."""
    try:
        if content[:8] == b'\x89PNG\r\n\x1a\n' and content[12:16] == b'IHDR':
            return _png(content)
        if content[:3] == b'\xff\xd8\xff':
            return _jpeg(content)
        if content[:2] == b'BM':
            return _bmp(content)
    except (struct.error, IndexError):
        pass
    return None


def fits_declared_size(content: bytes) -> bool:
    """Return whether ``content`` can hold the pixels that it declares, if it declares any."""
    declared = declared_size(content)
    return declared is None or declared.least_bytes <= len(content) + _SLACK


def check_declared_size(content: bytes, what: str, where: Any, remedy: Optional[str] = None) -> None:
    """Raise where ``content`` declares more pixels than it can hold.

    Args:
        content: An encoded image.
        what: What it is, for the message: ``image a.png``.
        where: Where it stands.
        remedy: What to do about it.

    Raises:
        DataError: It does.
    """
    declared = declared_size(content)
    if declared is None or fits_declared_size(content):
        return
    raise DataError(
        f'{what} declares a size that its data cannot fill: it is damaged, or meant to exhaust memory',
        where=where,
        expected=f'at least {declared.least_bytes:,} bytes for {declared.width} x {declared.height} pixels',
        found=f'{len(content):,} bytes',
        remedy=remedy,
    )


def _png(content: bytes) -> Declared:
    width, height, depth, colour = struct.unpack_from('>IIBB', content, 16)
    row = (width * depth * _PNG_CHANNELS.get(colour, 1) + 7) // 8 + 1
    return Declared(width, height, row * height // _DEFLATE_RATIO)


def _jpeg(content: bytes) -> Optional[Declared]:
    place = 2
    while content[place] == 0xFF:
        marker = content[place + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from('>HH', content, place + 5)
            return Declared(width, height, width * height // _JPEG_PIXELS)
        # A fill byte stands alone; every other marker before the frame has a length.
        place += 1 if marker == 0xFF else 2 + struct.unpack_from('>H', content, place + 2)[0]
    return None


def _bmp(content: bytes) -> Optional[Declared]:
    if struct.unpack_from('<I', content, 14)[0] < 40:
        return None
    width, height, _, bits, compression = struct.unpack_from('<iiHHI', content, 18)
    width, height = abs(width), abs(height)
    if compression in (0, 3):
        return Declared(width, height, width * bits // 8 * height)
    return Declared(width, height, width * height // _RLE_PIXELS)
