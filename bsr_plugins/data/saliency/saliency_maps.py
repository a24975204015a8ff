"""The saliency maps that a data set cuts its crops out of, read from an LMDB of ``basicsr saliency``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Iterable, Optional

import numpy as np

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.common.shown import counted
from bsr_plugins.data.images.image_folders import image_key, some_of
from bsr_plugins.data.images.image_reader import ImageReader
from bsr_plugins.data.images.image_store import is_keyed
from bsr_plugins.data.images.key_blocks import NotAscendingError, key_blocks
from bsr_plugins.data.images.key_comparison import compare_keys
from bsr_plugins.data.images.lmdb_file import check_lmdb
from bsr_plugins.data.images.lmdb_reader import open_reader
from bsr_plugins.data.saliency.saliency_manifest import COUNT, read_saliency_manifest
from bsr_plugins.data.saliency.saliency_record import decode_cells, decode_source, source_of, spread
from bsr_plugins.data.subimages.lmdb_manifest import META_INFO, read_keys


class SaliencyMaps:
    """Maps by the key of their LR image: its name without ending, dots in it as ``-``, or its key in an LMDB.

    May be pickled and forked; each process opens the LMDB at its first read.

    Args:
        path: The LMDB.
        lq_folder: Where the LR images are, for errors.

    Raises:
        DataError: There is no such LMDB, it is not finished or not one of ``basicsr saliency``.
    """

    def __init__(self, path: PathLike, lq_folder: PathLike) -> None:
        self.path, self.lq_folder = os.path.expanduser(os.fspath(path)), os.fspath(lq_folder)
        make = f'correct the path, or make it: {self._command()}'
        source = read_saliency_manifest(self.path, COUNT, make=make)['source']
        self._made_of = source.get('resolved')
        check_lmdb(self.path)
        self._reader: Optional[ImageReader] = None

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, '_reader': None}

    def check_keys(self, keys: Iterable[str]) -> None:
        """Check that each image has a map.

        Raises:
            DataError: One has none.
        """
        there = set(read_keys(self.path))
        absent = [key for key in keys if key not in there]
        if absent:
            raise self._absent(len(absent), some_of(absent))

    def check_lmdb_keys(self, folder: Optional[PathLike] = None) -> None:
        """Check that each image has a map, where the LR images are an LMDB: as :meth:`check_keys` of all of its keys.

        Args:
            folder: The LMDB; None: ``lq_folder``.

        Raises:
            DataError: One has none.
        """
        folder = self.lq_folder if folder is None else folder
        there, asked = (key_blocks(os.path.join(each, META_INFO)) for each in (self.path, folder))
        try:
            absent = compare_keys(there, asked).alone[1]
        except NotAscendingError:
            self.check_keys(read_keys(folder))
            return
        if absent.count:
            raise self._absent(absent.count, absent.text)

    def read(self, key: str, lq: np.ndarray) -> np.ndarray:
        """Return the map of an image, one value a pixel: (h, w, 1) uint8, 255 in the image's largest cell.

        Args:
            key: Of the image.
            lq: The whole image, (h, w, 3) uint8 BGR; a map of an image of another size, or of other pixels, is refused.

        Raises:
            DataError: There is no such map, it is damaged, or it is of another image.
        """
        if self._reader is None:
            self._reader = open_reader(self.path)
        record = self._reader.get(key)
        if record is None:
            self.check_keys([key])
            raise DataError(f'The LMDB has no record {key!r}', where=self.path, remedy=self._remake())
        what, where = f'the saliency map of {key!r}', f'{self.path}: {key}'
        source, cells = decode_source(record), decode_cells(record, what, where, self._remake())
        if source is None or cells.shape != source.shape:
            raise DataError(f'{what} is damaged', where=where, remedy=self._remake())
        if (source.height, source.width) != lq.shape[:2]:
            raise self._other(key, 'size', f'{source.height} x {source.width}', f'{lq.shape[0]} x {lq.shape[1]}')
        if source_of(lq, source.cell) != source:
            raise self._other(key, 'content', f'an image {key!r} of {self._made_of}', 'with other pixels')
        return spread(cells, source)[..., None]

    def _absent(self, count: int, names: str) -> DataError:
        return DataError(
            f'{counted(count, "image has", "images have")} no saliency map',
            where=self.path,
            expected=f'a map of each image of {self.lq_folder}',
            found=f'none of {names}; the maps are of {self._made_of}',
            remedy=self._remake(),
        )

    def _other(self, key: str, what: str, made_of: str, found: str) -> DataError:
        return DataError(
            f'The saliency map of {key!r} was made from an image of another {what}',
            where=f'{self.path}: {key}',
            expected=f'a map of the image in {self.lq_folder}, {found}',
            found=f'a map of {made_of}',
            remedy=self._remake(),
        )

    def _remake(self) -> str:
        return f'correct the path, or delete the LMDB and make it of these images: {self._command()}'

    def _command(self) -> str:
        flag = '--lq-lmdb' if is_keyed(self.lq_folder) else '--lq'
        return command('saliency', '-opt', 'TEST.yml', flag, self.lq_folder, '--out', self.path)


def saliency_key(lq_path: str, is_lmdb: bool) -> str:
    """Return the key of the map of an LR image, given its path, or its key in an LMDB."""
    return lq_path if is_lmdb else image_key(Path(lq_path).stem)
