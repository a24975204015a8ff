"""The raw image store: the pixels of whole images in a few files, mapped into memory; windows are crops of them.

A folder, ``<name>.store``:

- ``pixels_000.raw``, ...: the images one behind the other, (h, w, 3) uint8 BGR, row by row;
- ``images.npy``: key, file, offset, height and width of each image, sorted by key;
- ``store.json``: the grid of the windows, the number of bytes of each file;
- ``meta_info.txt``, ``manifest.json``: the keys of the windows, and how it was made, as in an LMDB.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Iterable, List, NamedTuple, Tuple

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.lmdb_file import REMAKE, check_lmdb

SUFFIX = '.store'
HEADER, INDEX = 'store.json', 'images.npy'
VERSION = 1
#: What is to be done where code other than this package's is to read one.
STORE_REMEDY = (
    'name a folder of images, or LMDBs, which `basicsr subimages` makes without --layout images; to train from the '
    'store, take type: UniformWindowsDataset, which draws the same crops'
)
# Of an image in the index, behind its key.
FIELDS = [('file', '<u4'), ('offset', '<u8'), ('height', '<u4'), ('width', '<u4')]


class StoreHeader(NamedTuple):
    """What ``store.json`` says.

    Attributes:
        grid: Crop, step and threshold, in pixels of these images.
        mod: The windows lie in the images cropped to multiples of it; the images themselves are whole.
        file_bytes: Of each file of pixels.
    """

    grid: Tuple[int, int, int]
    mod: int
    file_bytes: List[int]


def is_store(path: PathLike) -> bool:
    """Return whether ``path`` is a raw image store, or is named as one."""
    return os.fspath(path).rstrip('/').endswith(SUFFIX)


def is_keyed(path: object) -> bool:
    """Return whether images of ``path`` are asked for by keys: an LMDB or a raw image store, by its name."""
    return str(path).rstrip('/').endswith(('.lmdb', SUFFIX))


def refuse_stores(paths: Iterable[PathLike]) -> None:
    """Raise where code that is not this package's is to read a raw image store.

    Raises:
        DataError: One of the paths is one.
    """
    stores = [os.fspath(path) for path in paths if is_store(path)]
    if stores:
        raise DataError(
            'BasicSR cannot read a raw image store',
            where=', '.join(stores),
            expected='a folder or LMDBs: only data sets of this package read raw image stores',
            remedy=STORE_REMEDY,
        )


def check_database(path: PathLike) -> int:
    """Return how many bytes of images an LMDB or a raw image store has, which it is checked to have.

    Raises:
        DataError: It is missing, damaged or cut short.
    """
    return sum(read_header(path).file_bytes) if is_store(path) else check_lmdb(path)


def data_files(path: PathLike) -> Tuple[str, ...]:
    """Return the names of the files that an LMDB, or a raw image store, is not whole without."""
    return (HEADER, INDEX, 'meta_info.txt') if is_store(path) else ('data.mdb', 'meta_info.txt')


def raw_name(number: int) -> str:
    """Return the name of a file of pixels."""
    return f'pixels_{number:03d}.raw'


def write_index(folder: Path, header: StoreHeader, images: Iterable[Tuple[str, int, int, int, int]]) -> None:
    """Write ``images.npy`` and ``store.json``, in this order: a folder with the second is whole.

    Args:
        folder: The store.
        header: What goes into ``store.json``.
        images: Key, number of the file, offset, height and width of each image.
    """
    import numpy as np

    from bsr_plugins.common import files

    entries = sorted(images)
    width = max(len(entry[0]) for entry in entries)
    with files.replacing(folder / INDEX) as temporary, open(temporary, 'wb') as stream:
        table = np.array([(entry[0].encode('ascii'), *entry[1:]) for entry in entries], [('key', f'S{width}'), *FIELDS])
        np.save(stream, table, allow_pickle=False)
    text = json.dumps({'version': VERSION, **header._asdict()}, indent=1)
    files.write_text(folder / HEADER, f'{text}\n')


def read_header(path: PathLike) -> StoreHeader:
    """Return the header of a store, all of whose files are checked to have the bytes that it says.

    Raises:
        DataError: It is missing, damaged or cut short.
    """
    where = os.path.join(path, HEADER)
    try:
        with open(where, encoding='utf-8') as stream:
            content = json.load(stream)
        version = content['version']
        crop, step, threshold = (_number(value, least) for value, least in zip(content['grid'], (1, 1, 0)))
        sizes = [_number(size, 1) for size in content['file_bytes']]
        header = StoreHeader((crop, step, threshold), _number(content['mod'], 1), sizes)
    except FileNotFoundError as error:
        raise DataError(
            f'{path} is no raw image store', where=where, found='no such file', remedy=_remedy(path)
        ) from error
    except OSError as error:
        raise DataError(f'{path} cannot be read', where=where, found=error) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f'The raw image store is damaged: {where}', where=where, found=repr(error), remedy=REMAKE
        ) from error
    if version != VERSION:
        raise DataError(
            f'{path} was made by another release',
            where=where,
            expected=f'version {VERSION}',
            found=version,
            remedy=REMAKE,
        )
    for number, expected in enumerate(header.file_bytes):
        check_bytes(os.path.join(path, raw_name(number)), expected)
    return header


def check_bytes(path: str, expected: int, is_held: bool = False) -> None:
    """Raise where a file of pixels is missing or has another size: reading what is not there kills the process.

    Args:
        path: The file.
        expected: Its bytes.
        is_held: Whether it is mapped, so that it may be removed.

    Raises:
        DataError: It is so.
    """
    try:
        size = os.stat(path).st_size
    except OSError as error:
        if is_held:
            return
        raise DataError(f'The raw image store lacks a file: {path}', where=path, found=error, remedy=REMAKE) from error
    if size != expected:
        raise DataError(
            f'The raw image store is damaged: {path}',
            where=path,
            expected=f'{expected:,} bytes',
            found=f'{size:,} bytes',
            remedy=REMAKE,
        )


def _number(value: object, least: int) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f'{value!r} is no whole number of at least {least}')
    return value


def _remedy(path: PathLike) -> str:
    return (
        REMAKE if os.path.isdir(path) else f'correct the path, or make it with {command("subimages")} --layout images'
    )
