"""Where an image is stored (a file, or a record of an LMDB), and how a change of it is noticed."""

from __future__ import annotations

import hashlib
import os
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.image_store import data_files
from bsr_plugins.data.images.lmdb_reader import open_reader

#: Size in bytes and time of the last change in ns, of the image's file, or the first file of its LMDB or store.
Stamp = Tuple[int, int]

_CHUNK_BYTES = 1 << 20


class StoredImage(NamedTuple):
    """One image: ``path`` is its file, or the folder of the LMDB that holds it as the record ``key``."""

    path: str
    key: Optional[str] = None


def identity_of(image: StoredImage) -> str:
    """Return the absolute path, and the key where there is one."""
    path = os.path.abspath(image.path)
    return path if image.key is None else f'{path}\n{image.key}'


def hash_of_names(images: Iterable[StoredImage]) -> str:
    """Return a hash of the images' identities, in their order: 32 hex digits."""
    text = '\0'.join(map(identity_of, images))
    return hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()


def folders_of(images: Sequence[StoredImage]) -> List[str]:
    """Return the absolute paths of the folders, or LMDBs, that the images are in, sorted."""
    lmdbs = {image.path for image in images if image.key is not None}
    folders = {os.path.dirname(image.path) for image in images if image.key is None}
    return sorted({os.path.abspath(path) for path in lmdbs | folders})


def stamps_of(images: Sequence[StoredImage]) -> List[Stamp]:
    """Return the stamp of each image; an LMDB is looked at once.

    Raises:
        DataError: A file is missing.
    """
    lmdbs: Dict[str, Stamp] = {}
    stamps = []
    for image in images:
        if image.key is None:
            stamps.append(_stamp(image.path))
        else:
            if image.path not in lmdbs:
                lmdbs[image.path] = _stamp(os.path.join(image.path, data_files(image.path)[0]))
            stamps.append(lmdbs[image.path])
    return stamps


def digest_of(images: Sequence[StoredImage]) -> str:
    """Return a hash of the images' bytes, in their order, each with its length: 32 hex digits.

    Raises:
        DataError: A file cannot be read, or an LMDB has no such record.
    """
    whole = hashlib.blake2b(digest_size=16)
    for image in images:
        own = hashlib.blake2b(digest_size=16)
        if image.key is None:
            _add_file(own, image.path)
        else:
            record = open_reader(image.path).get(image.key)
            if record is None:
                raise DataError(
                    f'The LMDB has no record {image.key!r}',
                    where=f'{image.path}: {image.key}',
                    remedy='its meta_info.txt lists it: make the LMDB again',
                )
            own.update(record)
        whole.update(own.digest())
    return whole.hexdigest()


def _add_file(digest: hashlib.blake2b, path: str) -> None:
    try:
        with open(path, 'rb') as stream:
            for chunk in iter(lambda: stream.read(_CHUNK_BYTES), b''):
                digest.update(chunk)
    except OSError as error:
        raise DataError(f'image {path} cannot be read', where=path, found=error) from error


def _stamp(path: str) -> Stamp:
    try:
        status = os.stat(path)
    except OSError as error:
        raise DataError(f'{path} cannot be read', where=path, found=error) from error
    return status.st_size, status.st_mtime_ns
