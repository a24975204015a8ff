"""Whether an LMDB's ``data.mdb`` holds all pages that it refers to: reading one that is not there kills the process.

LMDB maps the file and trusts it. A copy that was cut short opens like a whole one, and the first record behind its end
raises SIGBUS. The layout is that of LMDB's ``mdb.c``, version 1, as a little-endian machine writes it.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, Iterator, List, NamedTuple, Tuple

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike

DATA = 'data.mdb'
REMAKE = (
    'copy the whole folder again from where it came, or delete that folder and make it again with '
    f'{command("subimages")}'
)

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_HEADER = 16  # of a page
_META = struct.Struct('<IIQQ')  # magic, version, address, size of the map
_TREE = struct.Struct('<IHHQQQQQ')  # page size or padding, flags, depth, three counts of pages, entries, root
_NODE = struct.Struct('<HHHH')  # size or page number in two halves, flags or its upper third, length of the key
_BRANCH, _LEAF = 1, 2
_IN_PAGES_OF_ITS_OWN, _IS_TREE = 1, 2
_NONE = 2**64 - 1


class _Header(NamedTuple):
    page_bytes: int
    roots: Tuple[int, int]
    last_page: int


def check_lmdb(path: PathLike) -> int:
    """Return how many bytes ``data.mdb`` in the folder ``path`` has at the least, which it is checked to have.

    What its newest header calls the last page has to be there. Where it is not, the pages that records lie in have to
    be: LMDB writes no pages that were free again before they were ever filled.

    Raises:
        DataError: There is no LMDB in ``path``, or its file is cut short or none of LMDB's.
    """
    file = Path(path, DATA)
    try:
        with open(file, 'rb') as stream:
            size = os.fstat(stream.fileno()).st_size
            header = _read_header(stream, file, size)
            if (header.last_page + 1) * header.page_bytes <= size:
                return (header.last_page + 1) * header.page_bytes
            end = max([2, *(end for root in header.roots for end in _ends(stream, root, header.page_bytes))])
    except struct.error as error:
        raise _damaged(file, f'pages that are none of LMDB: {error}') from error
    except OSError as error:
        raise DataError('The LMDB cannot be opened', where=path, found=error, remedy=_remedy(path)) from error
    needed = end * header.page_bytes
    if needed > size:
        raise DataError(
            f'The LMDB is cut short: {file}',
            where=path,
            expected=f'{(header.last_page + 1) * header.page_bytes:,} bytes, as its header says',
            found=f'{size:,} bytes',
            remedy=REMAKE,
        )
    return needed


def _read_header(stream: BinaryIO, file: Path, size: int) -> _Header:
    newest, page_bytes, place = (-1, None), 0, 0
    for _ in range(2):
        content = _read(stream, place, _HEADER + _META.size + 2 * _TREE.size + 16)
        magic, version, _, _ = _META.unpack_from(content, _HEADER)
        if magic != _MAGIC:
            raise _damaged(file, f'{size:,} bytes that do not begin as a file of LMDB')
        if version != _VERSION:
            raise _damaged(file, f'version {version} of its format')
        free, main = (_TREE.unpack_from(content, _HEADER + _META.size + n * _TREE.size) for n in range(2))
        last_page, transaction = struct.unpack_from('<QQ', content, _HEADER + _META.size + 2 * _TREE.size)
        if not place:
            page_bytes = free[0]
            if not 256 <= page_bytes <= 1 << 16:
                raise _damaged(file, f'pages of {page_bytes} bytes')
        # Of two that are alike LMDB takes the first.
        if transaction > newest[0]:
            newest = (transaction, _Header(page_bytes, (free[-1], main[-1]), last_page))  # type: ignore[assignment]
        place = page_bytes
    return newest[1]  # type: ignore[return-value]


def _ends(stream: BinaryIO, root: int, page_bytes: int) -> Iterator[int]:
    """Yield the number of the page behind each page, or run of pages, of a tree; the first that is absent ends it."""
    waiting: List[int] = [] if root == _NONE else [root]
    seen = set(waiting)
    while waiting:
        number = waiting.pop()
        yield number + 1
        try:
            page = _read(stream, number * page_bytes, page_bytes)
        except struct.error:
            return
        flags, lower = struct.unpack_from('<HH', page, 10)
        for index in range(max(0, lower - _HEADER) // 2):
            place = struct.unpack_from('<H', page, _HEADER + 2 * index)[0]
            low, high, flag, key_bytes = _NODE.unpack_from(page, place)
            if flags & _BRANCH:
                below = low | high << 16 | flag << 32
            elif flags & _LEAF and flag & _IN_PAGES_OF_ITS_OWN:
                first = struct.unpack_from('<Q', page, place + _NODE.size + key_bytes)[0]
                yield first + (_HEADER + (low | high << 16) + page_bytes - 1) // page_bytes
                continue
            elif flags & _LEAF and flag & _IS_TREE:
                below = _TREE.unpack_from(page, place + _NODE.size + key_bytes)[-1]
            else:
                continue
            if below not in seen and below != _NONE:
                seen.add(below)
                waiting.append(below)


def _read(stream: BinaryIO, place: int, count: int) -> bytes:
    stream.seek(place)
    content = stream.read(count)
    if len(content) < count:
        raise struct.error(f'{len(content)} of {count} bytes at {place}')
    return content


def _damaged(file: Path, found: str) -> DataError:
    return DataError(f'The LMDB is damaged: {file}', where=file.parent, found=found, remedy=REMAKE)


def _remedy(path: PathLike) -> str:
    if Path(path).is_file():
        return 'give the folder of an LMDB, which holds data.mdb'
    return REMAKE if Path(path).is_dir() else f'correct the path, or make it with {command("subimages")}'
