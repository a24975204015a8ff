"""Lists of millions of keys, a few megabytes at a time: an LMDB's ``meta_info.txt`` as flat arrays of bytes.

What is plain ASCII text, as every list that BasicSR or the pack writes, is taken apart by numpy; any other block by
:func:`bsr_plugins.data.images.name_lists.lines_of`, which finds what is wrong with it. Both give the same keys.
"""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, NamedTuple, Optional, Tuple

import numpy as np

from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.name_lists import key_in, lines_of, unreadable

#: LMDB keys have 511 bytes at most; of a longer one its beginning stands for it.
LONGEST_KEY = 512

_BLOCK_BYTES = 1 << 22
# Without what a path may lead out of its folder by.
_PLAIN = bytes(set(range(32, 127)) - set(b'\\:')) + b'\n'
_ODD_BEGINNING = np.zeros(256, bool)
_ODD_BEGINNING[list(b'/ \n')] = True


class KeyBlock(NamedTuple):
    """Some lines of a list.

    Attributes:
        keys: (n,) bytes, of what stands before the first dot of each.
        lines: Returns line i of the block, without white space at its ends.
        blank: The number of the first blank line in the block, None where there is none.
    """

    keys: np.ndarray
    lines: Callable[[int], str]
    blank: Optional[int]


def key_blocks(path: PathLike, remedy: Optional[str] = None) -> Iterator[KeyBlock]:
    """Yield the keys of a list, block by block; blank lines are left out.

    Raises:
        DataError: See :func:`bsr_plugins.data.images.name_lists.read_lines`.
    """
    first = 1
    for content in byte_blocks(path, remedy):
        plain = _plain_keys(content)
        if plain is not None:
            yield plain
            first += len(plain.keys)
            continue
        lines = lines_of(content, path, True, remedy, first)
        every = [line.strip() for line in content.decode('utf-8').splitlines()]
        blank = next((number for number, line in enumerate(every, first) if not line), None)
        first += len(every)
        keys = np.array([key_in(line).encode('utf-8')[:LONGEST_KEY] for line in lines] or [b''])[: len(lines)]
        yield KeyBlock(keys, lines.__getitem__, blank)


def byte_blocks(path: PathLike, remedy: Optional[str] = None) -> Iterator[bytes]:
    """Yield a text file in blocks of whole lines.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with open(path, 'rb') as stream:
            while True:
                content = stream.read(_BLOCK_BYTES)
                if not content:
                    return
                yield content + (b'' if content.endswith(b'\n') else stream.readline())
    except OSError as error:
        raise unreadable(path, error, remedy) from error


def count_lines(path: PathLike) -> int:
    """Return how many lines of a file end with a line feed."""
    return sum(content.count(b'\n') for content in byte_blocks(path))


def count_scores(path: PathLike) -> int:
    """Return how many lines of a difficulty file stand below its first, without blank ones.

    Raises:
        DataError: It cannot be read.
        UnicodeDecodeError: It is no UTF-8 text.
    """
    count = -1
    for content in byte_blocks(path):
        lines = plain_lines(content)
        if lines is None or (lines[0][lines[2] - 1] == ord(' ')).any():
            count += sum(1 for line in content.decode('utf-8').splitlines() if line.strip())
        else:
            count += len(lines[2])
    return max(0, count)


def plain_lines(content: bytes) -> Optional[Tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return a block as (bytes,) uint8, and where each line begins and ends; None where it is not plain text."""
    if content.translate(None, _PLAIN):
        return None
    buffer = np.frombuffer(content if content.endswith(b'\n') else content + b'\n', np.uint8)
    ends = np.flatnonzero(buffer == 10)
    starts = np.concatenate([[0], ends[:-1] + 1])
    return None if _ODD_BEGINNING[buffer[starts]].any() else (buffer, starts, ends)


def texts(buffer: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> Optional[np.ndarray]:
    """Return the pieces of a block as (n,) bytes of one width; None where one is longer than a key may be."""
    lengths = ends - starts
    width = max(1, int(lengths.max()))
    if width > LONGEST_KEY:
        return None
    padded = np.concatenate([buffer, np.zeros(width, np.uint8)])
    table = np.lib.stride_tricks.as_strided(padded, (len(buffer), width), (1, 1), writeable=False)[starts]
    table[np.arange(width) >= lengths[:, None]] = 0
    return table.view(f'S{width}').ravel()


def ascending(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield arrays of keys as they are, as long as each key is greater than the one before it.

    Raises:
        NotAscendingError: One is not: then a key may stand twice.
    """
    last: Optional[bytes] = None
    for keys in blocks:
        if len(keys):
            if (last is not None and keys[0] <= last) or not (keys[1:] > keys[:-1]).all():
                raise NotAscendingError
            last = keys[-1]
        yield keys


class NotAscendingError(Exception):
    """The keys of a list are not in ascending order."""


def _plain_keys(content: bytes) -> Optional[KeyBlock]:
    lines = plain_lines(content)
    if lines is None:
        return None
    buffer, starts, ends = lines
    dots = np.flatnonzero(buffer == ord('.'))
    which = np.searchsorted(dots, starts)
    if not len(dots) or (np.diff(dots) == 1).any() or which[-1] == len(dots) or (dots[which] > ends).any():
        return None
    keys = texts(buffer, starts, dots[which])
    return (
        None if keys is None else KeyBlock(keys, lambda i: content[starts[i] : ends[i]].decode('ascii').strip(), None)
    )
