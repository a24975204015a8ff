"""Results that are kept while others are still computed: part files in a folder of their own, read again by a start."""

from __future__ import annotations

import logging
import secrets
import shutil
import time
from pathlib import Path
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from bsr_plugins.common.shown import shown
from bsr_plugins.data.images.result_files import DAMAGE, ImageArrays, map_arrays, read_header, read_mark, write_arrays

#: A process that is killed loses what it computed since its last part: as much as this.
PART_SECONDS, PART_BYTES = 20.0, 1 << 25

_MAPPED_AT_ONCE = 256

_log = logging.getLogger('basicsr')

#: Identity, stamps and digest of the image, or images, that a result is of, as they stand in a file's header.
Listed = Tuple[str, List[List[int]], str]


class Kept(NamedTuple):
    """A result in a file: of which content it is, and its place."""

    stamps: List[List[int]]
    digest: str
    path: Path
    row: int


class PartsGoneError(Exception):
    """A part was removed by another process, which has put the whole together from it."""


class KeptFiles:
    """The results in the cache file and its parts; :meth:`array` reads one.

    Args:
        path: The cache file.
        key: What its header says of the computation.
    """

    def __init__(self, path: Path, key: Mapping[str, Any]) -> None:
        self.path, self._key = path, key
        self.folder = path.with_suffix('.parts')
        self._identities: Dict[Path, str] = {}
        self._mapped: Dict[Path, ImageArrays] = {}

    def read(self, wanted: Mapping[str, List[List[int]]], verify: bool) -> Dict[str, Kept]:
        """Return what is kept, by identity; of the same image that of the same stamps, where there is one.

        A damaged or foreign file is one line in the log.

        Args:
            wanted: Stamps by identity of the images that are asked for.
            verify: Compare the bytes of the values with their checksums.
        """
        found: Dict[str, Kept] = {}
        self._mapped.clear()
        for path in [self.path, *self._parts()]:
            try:
                listed = self._listed(path, verify)
                for row, (identity, stamps, digest) in enumerate(listed):
                    if identity in wanted and (identity not in found or stamps == wanted[identity]):
                        found[identity] = Kept(stamps, digest, path, row)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except DAMAGE as error:
                found = {identity: kept for identity, kept in found.items() if kept.path != path}
                _log.warning(
                    'The cache file %s cannot be used (%s); its results are computed again.', shown(path), shown(error)
                )
        return found

    def array(self, kept: Kept) -> np.ndarray:
        """Return a kept result, memory-mapped.

        Raises:
            PartsGoneError: Its file is not there any more, or is another one.
        """
        return self._arrays(kept.path)[kept.row]

    def shapes(self, paths: Collection[Path]) -> Dict[Path, Tuple[np.ndarray, np.dtype]]:
        """Return the lengths of the results in some files, and their dtype."""
        each = {path: self._arrays(path) for path in paths}
        return {path: (np.diff(arrays.offsets), arrays.values.dtype) for path, arrays in each.items()}

    def add(self, listed: List[Listed], arrays: List[np.ndarray]) -> Path:
        """Write a part; return its path.

        Raises:
            OSError: It cannot be written.
        """
        path = self.folder / f'{secrets.token_hex(8)}.npz'
        lengths = np.array([len(array) for array in arrays], np.int64)
        header = {'key': self._key, 'identity': path.stem, 'images': listed}
        write_arrays(path, header, '', lengths, np.result_type(*arrays), arrays)
        self._identities[path] = path.stem
        return path

    def remove_parts(self) -> None:
        """Remove all parts: what they hold is in the cache file."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _parts(self) -> List[Path]:
        return sorted(path for path in self.folder.glob('*.npz') if not path.name.startswith('.'))

    def _listed(self, path: Path, verify: bool) -> List[Listed]:
        header = read_header(path)
        if header['key'] != self._key:
            raise ValueError('it was computed with other parameters')
        if read_mark(path)['identity'] != header['identity']:
            raise ValueError('its mark is of another header')
        arrays = map_arrays(path, header['identity'], verify)
        if len(header['images']) != len(arrays):
            raise ValueError('it lists other images than it holds')
        self._identities[path] = header['identity']
        return header['images']

    def _arrays(self, path: Path) -> ImageArrays:
        if path not in self._mapped:
            if len(self._mapped) >= _MAPPED_AT_ONCE:
                del self._mapped[next(iter(self._mapped))]
            try:
                if read_mark(path)['identity'] != self._identities[path]:
                    raise ValueError('another process has replaced it')
                self._mapped[path] = map_arrays(path, '', verify=False)
            except DAMAGE as error:
                raise PartsGoneError(path) from error
        return self._mapped[path]


class PartWriter:
    """Gathers results and writes a part whenever enough of them have come together.

    Attributes:
        kept: Where the results that are written lie, by number.
        held: Those that are not, by number: they are few, or the folder cannot be written.
        error: Why the folder cannot be written; None where it can, or was not tried.

    Args:
        files: Where the parts go; None: nowhere.
        must_be_kept: Raise the error.
    """

    def __init__(self, files: Optional[KeptFiles], must_be_kept: bool = False) -> None:
        self._must_be_kept = must_be_kept
        self.kept: Dict[int, Kept] = {}
        self.held: Dict[int, np.ndarray] = {}
        self.error: Optional[OSError] = None
        self._files = files
        self._listed: Dict[int, Listed] = {}
        self._bytes = 0
        self._since = time.monotonic()

    @property
    def digests(self) -> Dict[int, str]:
        """Those of the images of the results that are held, by number."""
        return {number: digest for number, (_, _, digest) in self._listed.items()}

    def add(self, number: int, listed: Listed, array: np.ndarray) -> None:
        """Take in a result; write a part where it is time to."""
        self.held[number], self._listed[number] = array, listed
        self._bytes += array.nbytes
        if self._bytes > PART_BYTES or time.monotonic() - self._since > PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is held as a part; where that fails it stays, and nothing is written any more.

        Raises:
            OSError: It fails, and the results must be kept.
        """
        if self._files is None or self.error is not None or not self.held:
            return
        numbers = list(self.held)
        try:
            path = self._files.add([self._listed[number] for number in numbers], list(self.held.values()))
        except OSError as error:
            self.error = error
            if self._must_be_kept:
                raise
            return
        self.kept.update((number, Kept(*self._listed[number][1:], path, row)) for row, number in enumerate(numbers))
        self.held, self._listed, self._bytes, self._since = {}, {}, 0, time.monotonic()
