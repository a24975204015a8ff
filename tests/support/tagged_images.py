"""Images with an orientation tag, written with OpenCV and the standard library."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2

ENDINGS = ('.jpg', '.png', '.webp', '.tif')


def exif(tag: int, order: str = '<') -> bytes:
    """Return the TIFF structure of an EXIF block that holds the orientation alone."""
    head = b'II*\0' if order == '<' else b'MM\0*'
    return head + struct.pack(f'{order}IHHHIHHI', 8, 1, 0x112, 3, 1, tag, 0, 0)


def write_tagged(path: Path, image: Any, tag: int, order: str = '<') -> None:
    """Write ``image`` as it is, with a tag that says how it is to be turned; the ending chooses the format."""
    lossless = {'.webp': [cv2.IMWRITE_WEBP_QUALITY, 101], '.jpg': [cv2.IMWRITE_JPEG_QUALITY, 100]}
    content = cv2.imencode(path.suffix, image, lossless.get(path.suffix, []))[1].tobytes()
    block = exif(tag, order)
    if path.suffix == '.jpg':
        body = b'Exif\0\0' + block
        content = content[:2] + b'\xff\xe1' + struct.pack('>H', len(body) + 2) + body + content[2:]
    elif path.suffix == '.png':
        body = b'eXIf' + block
        content = (
            content[:33] + struct.pack('>I', len(block)) + body + struct.pack('>I', zlib.crc32(body)) + content[33:]
        )
    elif path.suffix == '.webp':
        height, width = image.shape[:2]
        header = b'VP8X' + struct.pack('<IB3x', 10, 0x08) + (width - 1).to_bytes(3, 'little')
        parts = header + (height - 1).to_bytes(3, 'little') + content[12:]
        parts += b'EXIF' + struct.pack('<I', len(block)) + block
        content = b'RIFF' + struct.pack('<I', 4 + len(parts)) + b'WEBP' + parts
    else:
        directory = struct.unpack_from('<I', content, 4)[0]
        count = struct.unpack_from('<H', content, directory)[0]
        entries = content[directory + 2 : directory + 2 + 12 * count]
        kept = sorted(
            [entries[12 * n : 12 * n + 12] for n in range(count)] + [struct.pack('<HHIHH', 0x112, 3, 1, tag, 0)]
        )
        kept = [entry for n, entry in enumerate(kept) if entry[:2] != kept[n - 1][:2]]
        # At the end of the file: the values that entries point to stay where they are.
        content = content[:4] + struct.pack('<I', len(content)) + content[8:] + struct.pack('<H', len(kept))
        content += b''.join(kept) + bytes(4)
    path.write_bytes(content)
