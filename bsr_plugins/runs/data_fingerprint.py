"""A checksum of the files that a data set reads, by which a resumed run tells that they are the same images."""

from __future__ import annotations

import os
import weakref
import zlib
from typing import Any, Dict, Iterator, List, Mapping, MutableMapping, Sequence

# Another image in these has another number of bytes; of what is not compressed a part is read.
_COMPRESSED = frozenset({'.png', '.jpg', '.jpeg', '.jp2', '.webp'})
_HEAD, _PART = 8192, 4096
# Of an LMDB, and of a raw image store: its index, some pixels, and how it was made.
_FILES = {'.lmdb': ('data.mdb', 'meta_info.txt'), '.store': ('images.npy', 'pixels_000.raw', 'manifest.json')}
# Of a data set that goes on being saved: what the training has read is what counts, and looking takes a while.
_KNOWN: MutableMapping[Any, int] = weakref.WeakKeyDictionary()


def data_fingerprint(dataset: Any, entries: Sequence[Any]) -> int:
    """Return a checksum of the sizes of all files, and of a part of those whose size alone does not tell.

    Names of folders and times of writing do not count: a copy of the images has the same checksum.

    Args:
        dataset: Whose ``io_backend_opt`` names LMDBs, if there are any.
        entries: Paths, or mappings and pairs of paths, as the data set lists its images.
    """
    if dataset not in _KNOWN:
        total = 0
        for path in [*_files_in(entries), *_lmdb_files(dataset)]:
            total = zlib.crc32(_part_of(path), total)
        _KNOWN[dataset] = total
    return _KNOWN[dataset]


def _files_in(entries: Sequence[Any]) -> Iterator[str]:
    for entry in entries:
        values = entry.values() if isinstance(entry, Mapping) else [entry]
        for value in values:
            if isinstance(value, (str, bytes)):
                yield os.fsdecode(value)


def _lmdb_files(dataset: Any) -> List[str]:
    options: Dict[str, Any] = getattr(dataset, 'opt', None) or {}
    roots = [value for key, value in sorted(options.items()) if key.startswith('dataroot')]
    flat = [root for value in roots for root in (value if isinstance(value, (list, tuple)) else [value])]
    return [os.path.join(root, name) for root in flat for name in _FILES.get(os.path.splitext(str(root))[1], ())]


def _part_of(path: str) -> bytes:
    """Return what tells a file from another one; a key of an LMDB, which is no file, gives nothing."""
    try:
        size = os.stat(path).st_size
        if os.path.splitext(path)[1].lower() in _COMPRESSED:
            return b'%d\n' % size
        with open(path, 'rb') as stream:
            head = stream.read(_HEAD)
            stream.seek(size // 2)
            return b'%d\n' % size + head + stream.read(_PART)
    except (OSError, ValueError):
        return b'-\n'
