"""One cache file: an array for each image, one behind the other in an uncompressed .npz that is read by memory map.

Its members: ``mark``, which tells a start that nothing has changed without the names of all images being read;
``header`` with these names, their stamps and digests; ``offsets`` and ``values``.
"""

from __future__ import annotations

import json
import os
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, Optional, Sequence

import numpy as np

from bsr_plugins.common import files
from bsr_plugins.common.errors import DataError

FORMAT = 1
#: What reading a file that is cut short, damaged or of another program raises.
#: RuntimeError: one wrong bit makes a member look encrypted. SyntaxError, TokenError: numpy reads headers as Python.
DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    SyntaxError,
    tokenize.TokenError,
    OverflowError,
)

_CHUNK = 1 << 20
_LOCAL_HEADER = struct.Struct('<26xHH')


class ImageArrays:
    """A 1-D array for each image: ``arrays[i]``; all of one dtype, one behind the other in ``values``.

    Pickled (into spawned workers) it is the path of its file, mapped anew there, so that it stays small; without a
    file, or where another process has replaced the file since, it is the values themselves.

    Args:
        values: (sum of lengths,).
        offsets: (N + 1,) int64: where each array begins; the last is the end.
        path: The file that holds both, None where there is none.
        identity: What tells that the file is still the same.
    """

    def __init__(
        self, values: np.ndarray, offsets: np.ndarray, path: Optional[Path] = None, identity: str = ''
    ) -> None:
        self.values, self.offsets, self.path, self._identity = values, offsets, path, identity

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(f'there is no image {index} of {len(self)}')
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    def __reduce__(self) -> tuple:
        if self.path is not None:
            try:
                if read_mark(self.path)['identity'] == self._identity:
                    return _reopen, (os.fspath(self.path), self._identity)
            except DAMAGE:
                pass
        return ImageArrays, (np.array(self.values), np.array(self.offsets))


def concatenated(arrays: Sequence[np.ndarray]) -> ImageArrays:
    """Return 1-D arrays of one dtype as :class:`ImageArrays` in memory."""
    flat = [np.ravel(array) for array in arrays]
    offsets = np.concatenate([[0], np.cumsum([len(array) for array in flat])]).astype(np.int64)
    return ImageArrays(np.concatenate(flat), offsets)


def write_arrays(
    path: Path, header: Dict[str, Any], listed: str, lengths: np.ndarray, dtype: np.dtype, arrays: Iterable[np.ndarray]
) -> None:
    """Write ``arrays``, one at a time, and a JSON ``header`` to ``path``, all of it or nothing.

    Args:
        path: The file.
        header: With a string ``identity`` and the ``key``, JSON values.
        listed: Goes into the mark (:func:`read_mark`) with these two.
        lengths: (N,) of the arrays.
        dtype: Of all of them.
        arrays: N arrays of one dimension.

    Raises:
        OSError: The folder cannot be made or written.
        DAMAGE: What raises while ``arrays`` are read.
    """
    mark = {'format': FORMAT, 'listed': listed, **{name: header[name] for name in ('identity', 'key')}}
    texts = {'mark': mark, 'header': {**header, 'format': FORMAT}}
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    with files.replacing(path) as temporary, zipfile.ZipFile(temporary, 'w', allowZip64=True) as archive:
        for name, text in texts.items():
            _write_member(archive, name, [np.frombuffer(json.dumps(text).encode('utf-8'), np.uint8)])
        _write_member(archive, 'offsets', [offsets])
        _write_member(archive, 'values', arrays, int(offsets[-1]), dtype)


def _write_member(
    archive: zipfile.ZipFile,
    name: str,
    arrays: Iterable[np.ndarray],
    count: Optional[int] = None,
    dtype: Optional[np.dtype] = None,
) -> None:
    """Write what numpy.savez would write of all ``arrays`` behind each other, to the byte."""
    if count is None or dtype is None:
        (array,) = arrays = list(arrays)
        count, dtype = len(array), array.dtype
    with archive.open(f'{name}.npy', 'w', force_zip64=True) as stream:
        described = {'descr': np.lib.format.dtype_to_descr(dtype), 'fortran_order': False, 'shape': (count,)}
        np.lib.format.write_array_header_1_0(stream, described)
        for array in arrays:
            stream.write(np.ascontiguousarray(array, dtype).data)


def read_mark(path: Path) -> Dict[str, Any]:
    """Return ``identity``, ``key`` and ``listed`` of a file; the header, without the last, of an earlier release's.

    Raises:
        DAMAGE: There is no such file, or it is none of this format.
    """
    try:
        return _read_text(path, 'mark')
    except KeyError:
        return read_header(path)


def read_header(path: Path) -> Dict[str, Any]:
    """Return the header of a file of this format.

    Raises:
        DAMAGE: There is no such file, or it is none of this format.
    """
    return _read_text(path, 'header')


def _read_text(path: Path, name: str) -> Dict[str, Any]:
    header = json.loads(_map_member(path, name).tobytes().decode('utf-8'))
    if not isinstance(header, dict) or header.get('format') != FORMAT:
        raise ValueError('it has another format')
    return header


def map_arrays(path: Path, identity: str, verify: bool = True) -> ImageArrays:
    """Return the arrays of a file, their values memory-mapped.

    Args:
        path: The file.
        identity: That of its header.
        verify: Compare all bytes with their checksums first (a file is read at the speed of the disk).

    Raises:
        DAMAGE: There is no such file, or it is damaged.
    """
    offsets, values = np.array(_map_member(path, 'offsets', verify)), _map_member(path, 'values', verify)
    if offsets.dtype != np.int64 or len(offsets) < 1:
        raise ValueError('its offsets are none')
    if offsets[0] != 0 or offsets[-1] != len(values) or (offsets[1:] < offsets[:-1]).any():
        raise ValueError('its offsets do not fit its values')
    return ImageArrays(values, offsets, path, identity)


def _map_member(path: Path, name: str, verify: bool = False) -> np.ndarray:
    """Return an array of the file, memory-mapped: one row of plain numbers, all of whose bytes stand in the file.

    numpy maps .npy files alone; a member that is stored uncompressed is one, from some offset of the archive on. Of a
    dtype with objects, mapped bytes would be taken for addresses.
    """
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f'{name}.npy')
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise ValueError('it is compressed')
        if verify:
            with archive.open(member) as content:
                while content.read(_CHUNK):  # the last piece raises BadZipFile where the checksum is wrong
                    continue
    with open(path, 'rb') as stream:
        stream.seek(member.header_offset)
        name_length, extra_length = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
        stream.seek(name_length + extra_length, os.SEEK_CUR)
        end = stream.tell() + member.file_size
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f'its {name} have another format')
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype.kind not in 'biuf' or len(shape) != 1:
            raise ValueError(f'its {name} are no row of plain numbers')
        if stream.tell() + shape[0] * dtype.itemsize != end or end > os.fstat(stream.fileno()).st_size:
            raise ValueError(f'its {name} are longer or shorter than it says')
        if not shape[0]:
            return np.empty(shape, dtype)
        return np.memmap(stream, dtype, 'r', stream.tell(), shape)


def _reopen(path: str, identity: str) -> ImageArrays:
    try:
        if read_mark(Path(path))['identity'] == identity:
            return map_arrays(Path(path), identity, verify=False)
        found: Any = 'another content'
    except DAMAGE as error:
        found = error
    raise DataError(
        'The cached results were replaced while a worker process was starting',
        where=path,
        found=found,
        remedy='start the run again; only what has changed is computed again',
    )
