"""Flat arrays in one file that processes share by mapping it: a header, and the arrays one behind the other."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Mapping, Tuple

import numpy as np

from bsr_plugins.common.files import PathLike, replacing

_MAGIC = b'bsr_plugins flat arrays 1\n'
_ALIGNED = 64
_CHUNK_BYTES = 1 << 22


class FlatFileError(Exception):
    """A file is none of these, or damaged; the text says what is wrong."""


def write_flat(path: PathLike, note: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write 1-D arrays and a ``note`` of JSON types, all of it or nothing.

    Raises:
        OSError: It cannot be written.
    """
    places, place, check = {}, 0, np.zeros(2, np.uint64)
    for name, array in arrays.items():
        places[name] = [array.dtype.str, len(array), place]
        place += _padded(array.nbytes)
        check = _added(check, _words(array))
    header = json.dumps({'note': note, 'arrays': places, 'check': [int(word) for word in check]}).encode()
    length = len(header).to_bytes(8, 'little')
    with replacing(path) as temporary, open(temporary, 'wb') as stream:
        begin = _MAGIC + length + header
        stream.write(begin.ljust(_padded(len(begin)), b'\n'))
        for array in arrays.values():
            np.ascontiguousarray(array).tofile(stream)
            stream.write(bytes(_padded(array.nbytes) - array.nbytes))


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
        begin = stream.read(len(_MAGIC) + 8)
        if not begin.startswith(_MAGIC):
            raise FlatFileError('it begins otherwise')
        length = int.from_bytes(begin[len(_MAGIC) :], 'little')
        if length > os.fstat(stream.fileno()).st_size:
            raise FlatFileError('it is cut short')
        text = stream.read(length)
    try:
        header = json.loads(text)
        kinds = [np.dtype(kind).kind for kind, _, _ in header['arrays'].values()]
        counts = [number for _, *numbers in header['arrays'].values() for number in numbers]
        header['note'], header['check']
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise FlatFileError(f'its header is damaged: {error}') from error
    # Of a type with objects, mapped bytes would be taken for addresses.
    if not kinds or not set(kinds) <= set('biuf') or not all(type(each) is int and each >= 0 for each in counts):
        raise FlatFileError('its header is damaged')
    return header, _padded(len(_MAGIC) + 8 + length)


def _checksum(path: PathLike, begin: int) -> list:
    check = np.zeros(2, np.uint64)
    # Read, not mapped: what is mapped counts as this process's memory.
    with open(path, 'rb') as stream:
        stream.seek(begin)
        while True:
            content = stream.read(_CHUNK_BYTES)
            if not content:
                return [int(word) for word in check]
            check = _added(check, np.frombuffer(content, np.uint64))


def _words(array: np.ndarray) -> np.ndarray:
    content = np.ascontiguousarray(array).view(np.uint8)
    return np.concatenate([content, np.zeros(_padded(len(content)) - len(content), np.uint8)]).view(np.uint64)


def _added(check: np.ndarray, words: np.ndarray) -> np.ndarray:
    total = np.add.reduce(words, dtype=np.uint64) if len(words) else np.uint64(0)
    mixed = np.bitwise_xor.reduce(words) if len(words) else np.uint64(0)
    return np.array([np.add(check[:1], total)[0], check[1] ^ mixed], np.uint64)


def _padded(count: int) -> int:
    return -(-count // _ALIGNED) * _ALIGNED
