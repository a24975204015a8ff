"""Flat arrays in one file that processes share by mapping it: a header, and the arrays one behind the other."""

from __future__ import annotations

import json
import os
import struct
import zlib
from typing import Any, Dict, Mapping, Tuple

import numpy as np

from bsr_plugins.common.files import PathLike, replacing

_MAGIC = b'bsr_plugins flat arrays 2\n'
# Bytes of the header, and their checksum.
_LENGTHS = struct.Struct('<QQ')
_BEGIN_BYTES = len(_MAGIC) + _LENGTHS.size
_ALIGNED = 64
_CHUNK_BYTES = 1 << 22


class FlatFileError(Exception):
    """A file is none of these, or damaged; the text says what is wrong."""


def write_flat(path: PathLike, note: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write 1-D arrays and a ``note`` of JSON types, all of it or nothing.

    Raises:
        OSError: It cannot be written.
    """
    places, place, check = {}, 0, 0
    for name, array in arrays.items():
        places[name] = [array.dtype.str, len(array), place]
        place += _padded(array.nbytes)
        check = zlib.crc32(_padding(array), zlib.crc32(np.ascontiguousarray(array).data, check))
    header = json.dumps({'note': note, 'arrays': places, 'check': check}).encode()
    begin = b''.join([_MAGIC, _LENGTHS.pack(len(header), zlib.crc32(header)), header])
    with replacing(path) as temporary, open(temporary, 'wb') as stream:
        stream.write(begin.ljust(_padded(len(begin)), b'\n'))
        for array in arrays.values():
            np.ascontiguousarray(array).tofile(stream)
            stream.write(_padding(array))


def read_note(path: PathLike) -> Dict[str, Any]:
    """Return the note of a file.

    Raises:
        FlatFileError: It is none of these.
        OSError: It cannot be read.
    """
    return _header(path)[0]['note']


def map_flat(path: PathLike, verify: bool = True) -> Dict[str, np.ndarray]:
    """Return the arrays of a file, mapped: their pages belong to all processes together.

    Args:
        path: The file.
        verify: Read all of it, at the speed of the disk, and compare it with the checksum.

    Raises:
        FlatFileError: It is none of these, cut short, or damaged.
        OSError: It cannot be read.
    """
    header, begin = _header(path)
    size = os.stat(path).st_size
    end = begin + max((place + _padded(np.dtype(kind).itemsize * n) for kind, n, place in header['arrays'].values()))
    if size != end:
        raise FlatFileError(f'it has {size:,} bytes and says {end:,}')
    if verify and _checksum(path, begin) != header['check']:
        raise FlatFileError('its checksum is wrong')
    return {
        name: np.memmap(path, kind, 'r', begin + place, (count,)) if count else np.empty(0, kind)
        for name, (kind, count, place) in header['arrays'].items()
    }


def _header(path: PathLike) -> Tuple[Dict[str, Any], int]:
    with open(path, 'rb') as stream:
        begin = stream.read(_BEGIN_BYTES)
        if not begin.startswith(_MAGIC):
            raise FlatFileError('it begins otherwise')
        if len(begin) < _BEGIN_BYTES:
            raise FlatFileError('it is cut short')
        length, check = _LENGTHS.unpack(begin[len(_MAGIC) :])
        if length > os.fstat(stream.fileno()).st_size:
            raise FlatFileError('it is cut short')
        text = stream.read(length)
    if zlib.crc32(text) != check:
        raise FlatFileError('its header is damaged')
    try:
        header = json.loads(text)
        kinds = [np.dtype(kind).kind for kind, _, _ in header['arrays'].values()]
        counts = [number for _, *numbers in header['arrays'].values() for number in numbers]
        header['note'], header['check']
    except (ValueError, LookupError, TypeError, AttributeError, SyntaxError) as error:
        raise FlatFileError(f'its header is damaged: {error}') from error
    # Of a type with objects, mapped bytes would be taken for addresses.
    if not kinds or not set(kinds) <= set('biuf') or not all(type(each) is int and each >= 0 for each in counts):
        raise FlatFileError('its header is damaged')
    return header, _padded(_BEGIN_BYTES + length)


def _checksum(path: PathLike, begin: int) -> int:
    check = 0
    # Read, not mapped: what is mapped counts as this process's memory.
    with open(path, 'rb') as stream:
        stream.seek(begin)
        for content in iter(lambda: stream.read(_CHUNK_BYTES), b''):
            check = zlib.crc32(content, check)
    return check


def _padding(array: np.ndarray) -> bytes:
    return bytes(_padded(array.nbytes) - array.nbytes)


def _padded(count: int) -> int:
    return -(-count // _ALIGNED) * _ALIGNED
