"""The image pairs that the options of BasicSR's PairedImageDataset name, read one at a time with errors that name them.

Any backend of BasicSR's FileClient (disk, lmdb, memcached), folders paired by ``filename_tmpl`` or listed in a
``meta_info_file``; the whole images of raw image stores, with ``type: lmdb``. Several roots stand one behind the other.
"""

from __future__ import annotations

import os
from copy import deepcopy
from types import SimpleNamespace
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError, ImageFileError, OptionError
from bsr_plugins.common.keyed_random import HashedNumbers
from bsr_plugins.data.difficulty.lmdb_pair import check_sizes
from bsr_plugins.data.images.data_roots import ROOT_KEYS, DataRoot, data_roots
from bsr_plugins.data.images.image_reader import ImageReader
from bsr_plugins.data.images.image_reading import decode_image
from bsr_plugins.data.images.image_store import is_store
from bsr_plugins.data.images.lmdb_reader import open_reader
from bsr_plugins.data.images.name_lists import listing_errors, read_lines
from bsr_plugins.data.images.sample_tensors import SampleTensors
from bsr_plugins.data.images.shared_options import FILENAME_TMPL, PAIRS, SCALE, names_images, option_place
from bsr_plugins.data.images.stored_images import StoredImage
from bsr_plugins.data.saliency.saliency_maps import SaliencyMaps, saliency_key
from bsr_plugins.data.subimages.lmdb_manifest import META_INFO


class PairedImages:
    """Pairs of an LR and an HR image by number, in the order of the HR names: the same on every machine.

    May be pickled and forked: each process opens its own file client at its first read. Reading draws nothing.

    Args:
        opt: Options of PairedImageDataset with ``scale``; ``gt_size`` is the side of the crops
            that will be taken, so that smaller images are refused, ``saliency`` an LMDB with a map of each LR image.
            The options are copied, never changed.

    Attributes:
        scale: Upscaling factor. roots: where the images are. lq_folder: of the LR images, in words.

    Raises:
        OptionError: An option is missing or of the wrong kind, or the backend is unknown.
        DataError: The images are missing or do not pair; when reading: one is damaged, of more than 8 bits, of another
            scale or smaller than the crop. Grey images get three equal channels and transparency is dropped, as
            BasicSR reads them.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        for option in (*PAIRS, SCALE):
            option.read(opt, option_place(opt, option.name))
        _check_template(opt)
        self.scale: int = opt['scale']
        self.roots = data_roots(SimpleNamespace(**{key: opt.get(key) for key in ROOT_KEYS}))
        self.lq_folder = ', '.join(root.lq for root in self.roots)
        if len(self.roots) > 1 and opt.get('meta_info_file') is not None:
            raise OptionError(
                'A list of the images to take is of one folder',
                where=option_place(opt, 'meta_info_file'),
                expected='one data root, or no list',
                found=f'{len(self.roots)} data roots',
                remedy='put the images to take, or links to them, into folders of their own',
            )
        self._gt_size: Optional[int] = opt.get('gt_size')
        self._clients: Dict[int, Any] = {}
        self._client_process = 0
        self._backend = _backend(opt)
        self._backend_place = option_place(opt, 'io_backend')
        if self._backend['type'] == 'disk':
            self._open_client(0)  # Wrong options are reported now, also where no image is read yet.
        self._tensors = SampleTensors(opt)
        pairs: List[Tuple[str, str]] = []
        ends = []
        for root in self.roots:
            found = sorted((os.fspath(pair['gt_path']), os.fspath(pair['lq_path'])) for pair in self._pairs(root, opt))
            if not found:
                raise DataError(
                    f'no image in {root.gt}',
                    where=option_place(opt, 'dataroot_gt'),
                    expected='image pairs',
                    found='an empty folder or list',
                )
            pairs += found
            ends.append(len(pairs))
        self._ends = np.array(ends)
        # Flat arrays, not lists: worker processes share their pages, while counting references would copy them.
        self._gt_paths, self._lq_paths = (np.array([os.fsencode(path) for path in paths]) for paths in zip(*pairs))
        self._saliency: List[Optional[SaliencyMaps]] = []
        for end, root in zip(ends, self.roots):
            maps = None if root.saliency is None else SaliencyMaps(root.saliency, root.lq)
            if maps is not None:
                before = ends[len(self._saliency) - 1] if self._saliency else 0
                maps.check_keys(self._saliency_key(index) for index in range(before, end))
            self._saliency.append(maps)

    def __len__(self) -> int:
        return len(self._gt_paths)

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, '_clients': {}}

    def gt_path(self, index: int) -> str:
        """Return the HR image's path, or its key in an LMDB, as PairedImageDataset gives it in ``gt_path``."""
        return os.fsdecode(self._gt_paths[index])

    def lq_path(self, index: int) -> str:
        """Return the LR image's path, or its key in an LMDB."""
        return os.fsdecode(self._lq_paths[index])

    def stored_lq(self, index: int) -> StoredImage:
        """Return where the LR image is stored, for results cached by its content."""
        return self._stored(self._root(index).lq, self.lq_path(index))

    def stored_gt(self, index: int) -> StoredImage:
        """Return where the HR image is stored."""
        return self._stored(self._root(index).gt, self.gt_path(index))

    def read_lq(self, index: int) -> np.ndarray:
        """Return an LR image, (h, w, 3) uint8 BGR; it is at least as large as the crop."""
        path, folder = self.lq_path(index), self._root(index).lq
        image = self._read(index, path, 'lq', folder)
        self._check_room(image, self.scale, self._where(path, folder))
        return image

    def read_gt(self, index: int) -> np.ndarray:
        """Return an HR image, (H, W, 3) uint8 BGR; it is at least as large as the crop."""
        path, folder = self.gt_path(index), self._root(index).gt
        image = self._read(index, path, 'gt', folder)
        self._check_room(image, 1, self._where(path, folder))
        return image

    def read_saliency(self, index: int, lq: np.ndarray) -> Optional[np.ndarray]:
        """Return the saliency map of an LR image, (h, w, 1) uint8; None where the options name no maps.

        Args:
            index: Of the pair.
            lq: The whole LR image, as :meth:`read_lq` gives it.
        """
        maps = self._saliency[self._number_of_root(index)]
        return None if maps is None else maps.read(self._saliency_key(index), lq)

    def check_pair(self, index: int, lq: np.ndarray, gt: np.ndarray) -> None:
        """Raise DataError unless the HR image has ``scale`` times the LR image's sides."""
        root = self._root(index)
        places = [self._where(self.gt_path(index), root.gt), self._where(self.lq_path(index), root.lq)]
        check_sizes(lq, gt, self.scale, None, ' and '.join(places))

    def to_sample(
        self,
        index: int,
        lq_crop: np.ndarray,
        gt_crop: np.ndarray,
        numbers: HashedNumbers,
        saliency: Optional[np.ndarray] = None,
    ) -> Dict[str, Any]:
        """Return the sample of a crop pair: ``lq``, ``gt`` (float32 RGB (3, h, w)), ``lq_path``, ``gt_path``.

        And ``saliency`` (float32 (1, h, w)), where the crop of the map is given.

        Flips and rotation are BasicSR's, drawn from ``numbers``; the crops, which may be views, are left as they are.
        """
        tensors = self._tensors(gt_crop, lq_crop, saliency, self._tensors.turn(numbers))
        return {**tensors, 'lq_path': self.lq_path(index), 'gt_path': self.gt_path(index)}

    def whole_sample(self, index: int) -> Dict[str, Any]:
        """Return a pair as the sample of a test: whole images, nothing turned."""
        lq, gt = self.read_lq(index), self.read_gt(index)
        self.check_pair(index, lq, gt)
        return {**self._tensors(gt, lq), 'lq_path': self.lq_path(index), 'gt_path': self.gt_path(index)}

    # ------------------------------------------------------------------ reading
    def _number_of_root(self, index: int) -> int:
        return int(np.searchsorted(self._ends, index, side='right'))

    def _root(self, index: int) -> DataRoot:
        return self.roots[self._number_of_root(index)]

    def _read(self, index: int, path: str, kind: str, folder: str) -> np.ndarray:
        where = self._where(path, folder)
        client = self._open_client(self._number_of_root(index))
        if is_store(folder):
            image = getattr(client, kind).pixels(path)
            # What is no whole LR pixel of an HR image has no LR one.
            height, width = (side - side % (self.scale if kind == 'gt' else 1) for side in image.shape[:2])
            return image[:height, :width]
        try:
            content = client.get(path, kind)
        except ImageFileError:
            raise
        except OSError as error:
            raise ImageFileError(f'image {where} cannot be read', where=where, found=error) from error
        if content is None:
            raise DataError(
                f'The LMDB has no record {path!r}, though its meta_info.txt lists it',
                where=folder,
                remedy='make it again',
            )
        return decode_image(bytes(content), where)

    def _open_client(self, number: int) -> Any:
        """Return this process's file client, of one root where it is bound to folders."""
        if self._backend['type'] != 'lmdb':
            number = 0
        if self._client_process != os.getpid():
            self._clients, self._client_process = {}, os.getpid()
        client = self._clients.get(number)
        if client is None:
            # Two threads may both be here; each goes on with its own.
            client = self._clients[number] = self._new_client(self.roots[number])
        return client

    def _new_client(self, root: DataRoot) -> Any:
        if self._backend['type'] == 'lmdb':
            return _Lmdbs(lq=open_reader(root.lq), gt=open_reader(root.gt))
        from basicsr.utils import FileClient

        options = deepcopy(self._backend)
        try:
            return FileClient(options.pop('type'), **options)
        except TypeError as error:
            raise OptionError(
                'the io_backend lacks options or has unknown ones',
                where=self._backend_place,
                found=f'{self._backend}: {error}',
            ) from error

    def _where(self, path: str, folder: str) -> str:
        return f'{folder}: {path}' if self._backend['type'] == 'lmdb' else path

    def _check_room(self, image: np.ndarray, divisor: int, where: str) -> None:
        if self._gt_size is None:
            return
        side, least = min(image.shape[:2]), self._gt_size // divisor
        if side < least:
            raise DataError(
                f'image {where} is smaller than the crop',
                where=where,
                expected=f'at least {least} x {least}, for gt_size: {self._gt_size} at scale {self.scale}',
                found=f'{image.shape[0]} x {image.shape[1]}',
                remedy=f'remove the image, or set gt_size to at most {side * divisor}',
            )

    # ------------------------------------------------------------------ names
    def _pairs(self, root: DataRoot, opt: Mapping[str, Any]) -> List[Dict[str, str]]:
        from basicsr.data import data_util

        folders, kinds = [root.lq, root.gt], ['lq', 'gt']
        if any(map(is_store, folders)):
            return self._images_of_stores(root, opt)
        template, listed = opt.get('filename_tmpl', FILENAME_TMPL.default), opt.get('meta_info_file')
        with listing_errors(folders, template):
            if self._backend['type'] == 'lmdb':
                for folder in (each for each in folders if each.endswith('.lmdb')):
                    read_lines(os.path.join(folder, META_INFO))
                return data_util.paired_paths_from_lmdb(folders, kinds)
            if listed is not None:
                read_lines(listed)
                return data_util.paired_paths_from_meta_info_file(folders, kinds, listed, template)
            return data_util.paired_paths_from_folder(folders, kinds, template)

    def _images_of_stores(self, root: DataRoot, opt: Mapping[str, Any]) -> List[Dict[str, str]]:
        if opt.get('saliency') is not None:
            raise OptionError(
                'Saliency maps of a raw image store are those of its windows, and this data set reads whole images',
                where=option_place(opt, 'saliency'),
                remedy='name the folders of the images, and maps of these',
            )
        lq, gt = (open_reader(folder).images() for folder in (root.lq, root.gt))
        if lq != gt:
            raise DataError(
                'The raw image stores do not hold the same images',
                where=f'{root.gt} and {root.lq}',
                remedy=f'make both by one call of {command("subimages")}',
            )
        return [{'lq_path': key, 'gt_path': key} for key in gt]

    def _saliency_key(self, index: int) -> str:
        return saliency_key(self.lq_path(index), self._backend['type'] == 'lmdb')

    def _stored(self, folder: str, path: str) -> StoredImage:
        return StoredImage(folder, path) if self._backend['type'] == 'lmdb' else StoredImage(path)


class _Lmdbs(NamedTuple):
    """Two LMDBs behind the call of BasicSR's FileClient; the pack's readers name what is damaged."""

    lq: ImageReader
    gt: ImageReader

    def get(self, key: str, kind: str) -> Optional[bytes]:
        return getattr(self, kind).get(key)


def _check_template(opt: Mapping[str, Any]) -> None:
    template = opt.get('filename_tmpl', FILENAME_TMPL.default)
    if not names_images(template):
        raise OptionError(
            'filename_tmpl has no {} for the name',
            where=option_place(opt, 'filename_tmpl'),
            expected="'{}', or for example '{}x4'",
            found=repr(template),
        )


def _backend(opt: Mapping[str, Any]) -> Dict[str, Any]:
    known = ('disk', 'lmdb', 'memcached')
    backend = deepcopy(dict(opt['io_backend']))
    if backend.get('type') not in known:
        raise OptionError(
            'unknown io_backend',
            where=option_place(opt, 'io_backend.type'),
            expected=' or '.join(known),
            found=repr(backend.get('type')),
        )
    return backend
