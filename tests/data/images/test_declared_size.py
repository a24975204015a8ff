"""Images that declare more pixels than they hold are refused before memory is asked for them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any, List

import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.declared_size import check_declared_size, declared_size
from cases import every

cv2 = pytest.importorskip('cv2')
np = pytest.importorskip('numpy')


def png(width: int, height: int, data: bytes = b'\0' * 64) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0))
        + chunk(b'IDAT', zlib.compress(data))
        + chunk(b'IEND', b'')
    )


def jpeg(width: int, height: int) -> bytes:
    content = bytearray(cv2.imencode('.jpg', np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    place = content.index(b'\xff\xc0')
    content[place + 5 : place + 9] = struct.pack('>HH', height, width)
    return bytes(content)


def bmp(width: int, height: int) -> bytes:
    content = bytearray(cv2.imencode('.bmp', np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    content[18:26] = struct.pack('<ii', width, height)
    return bytes(content)


@pytest.mark.parametrize('make', [png, jpeg, bmp])
def test_a_lie_is_refused_with_both_sizes(make: Any) -> None:
    content = make(30000, 30000)
    with pytest.raises(DataError, match='image x declares a size that its data cannot fill') as caught:
        check_declared_size(content, 'image x', 'x.png')
    assert '30000 x 30000 pixels' in str(caught.value) and f'{len(content):,} bytes' in caught.value.found


@every('flags', [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_OPTIMIZE, 1], [cv2.IMWRITE_PNG_COMPRESSION, 9]])
@every('suffix', ['.png', '.jpg', '.bmp'])
@every('shape', [(2000, 3000), (2000, 3000, 3), (1, 1, 3), (7, 5)])
def test_the_emptiest_true_images_pass(suffix: str, flags: List[int], shape: tuple) -> None:
    content = cv2.imencode(suffix, np.zeros(shape, np.uint8), flags)[1].tobytes()
    declared = declared_size(content)
    assert (declared.height, declared.width) == shape[:2]
    assert declared.least_bytes <= len(content)
    check_declared_size(content, 'image x', 'x')


def test_a_black_and_white_png_passes() -> None:
    content = cv2.imencode(
        '.png', np.zeros((3000, 3000), np.uint8), [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 9]
    )[1].tobytes()
    assert len(content) < 3000 and declared_size(content).least_bytes <= len(content)


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'GIF89a',
        b'\x89PNG\r\n\x1a\n',
        b'\xff\xd8\xff',
        b'BM',
        b'\xff\xd8\xff\xe0\0',
        png(9, 9)[:20],
        jpeg(9, 9)[:30],
        bmp(9, 9)[:20],
    ],
)
def test_what_is_no_header_is_left_to_the_decoder(content: bytes) -> None:
    assert declared_size(content) is None
    check_declared_size(content, 'image x', 'x')


@pytest.mark.parametrize('make', [png, jpeg])
def test_files_and_records_are_refused(make: Any, tmp_path: Path) -> None:
    from bsr_plugins.data.images.image_reading import read_image
    from bsr_plugins.data.images.lmdb_reader import decode_record

    (tmp_path / 'a.png').write_bytes(make(30000, 30000))
    with pytest.raises(DataError, match=r'a\.png declares a size'):
        read_image(tmp_path / 'a.png')
    with pytest.raises(DataError, match="record 'k' of the LMDB declares a size"):
        decode_record(tmp_path / 'x.lmdb', 'k', make(30000, 30000))


def test_the_training_reader_refuses_a_record(tmp_path: Path) -> None:
    lmdb = pytest.importorskip('lmdb')
    pytest.importorskip('basicsr')
    from bsr_plugins.data.images.lmdb_reader import open_reader

    with lmdb.open(str(tmp_path / 'x.lmdb')) as env, env.begin(write=True) as transaction:
        transaction.put(b'k', jpeg(60000, 60000))
    with pytest.raises(DataError, match="record 'k' of the LMDB declares a size"):
        open_reader(tmp_path / 'x.lmdb').image('k')
