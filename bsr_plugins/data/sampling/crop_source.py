"""The whole images of one pair of LMDBs, or raw image stores, of sub-images: crops at any position in them."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.difficulty.lmdb_pair import check_sizes
from bsr_plugins.data.images.data_roots import DataRoot
from bsr_plugins.data.images.image_reader import ImageReader
from bsr_plugins.data.images.image_store import is_store
from bsr_plugins.data.images.lmdb_reader import open_reader
from bsr_plugins.data.images.shared_options import option_place
from bsr_plugins.data.saliency.saliency_maps import SaliencyMaps
from bsr_plugins.data.sampling.window_crops import Piece, covered, pieces, position_count
from bsr_plugins.data.subimages.window_layout import ImageWindows, log_degradation, read_layout


class CropPair(NamedTuple):
    """A crop: (h, w, 3) and (H, W, 3) uint8 BGR, maybe read-only views, of its map (h, w, 1), and a key."""

    lq: np.ndarray
    gt: np.ndarray
    saliency: Optional[np.ndarray]
    key: str


class CropSource:
    """Crops of the whole images of one root.

    From windows a crop is put together; from a raw image store it is a part of the image. With saliency maps, which
    are maps of windows, a store is read by its windows too.

    Args:
        root: The LMDBs or stores, and the maps.
        scale: Upscaling factor.
        gt_size: Side of the HR crops.
        opt: The options of the data set, for errors.

    Attributes:
        keys: Of the images.
        counts: (N, 2) positions of a crop along both sides of each image.
        missing: (N,) share of the positions of each whole image that cannot come.

    Raises:
        DataError: An LMDB is missing, does not fit the other, or was made by a release that did not note the sizes of
            images; windows that leave gaps; an image smaller than the crop.
    """

    def __init__(self, root: DataRoot, scale: int, gt_size: int, opt: Mapping[str, Any]) -> None:
        self.gt_folder, self.lq_folder = root.gt, root.lq
        self._scale, self._gt_size, self._opt = scale, gt_size, opt
        grid, self._layout = read_layout(self.gt_folder, self.lq_folder, scale)
        self._side = grid.crop
        log_degradation(self.lq_folder)
        self._is_whole = is_store(self.gt_folder) and is_store(self.lq_folder) and root.saliency is None
        if grid.step > grid.crop and not self._is_whole:
            raise DataError(
                'The windows leave gaps between them, which hold positions of whole images',
                where=self.gt_folder,
                expected=f'a step of at most {grid.crop}, the side of the windows',
                found=f'a step of {grid.step}',
                remedy=f'make the LMDBs with --step {grid.crop} or less',
            )
        self.keys = [image.prefix for image in self._layout]
        self.counts = np.array([self._position_counts(image) for image in self._layout])
        whole = np.array([self._counts_in(image.height, image.width) for image in self._layout])
        self.missing = 1 - self.counts.prod(1) / whole.prod(1)
        self._saliency: Optional[SaliencyMaps] = None
        if root.saliency is not None:
            self._saliency = SaliencyMaps(root.saliency, self.lq_folder)
            self._saliency.check_keys(
                image.key(row, column)
                for image in self._layout
                for row in range(len(image.tops))
                for column in range(len(image.lefts))
            )
        self._readers: Optional[Tuple[ImageReader, ImageReader]] = None

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, '_readers': None}

    def crop(self, index: int, top: int, left: int) -> CropPair:
        """Return a crop of image ``index`` at an LR position.

        Raises:
            DataError: A damaged record, or LR and HR images that do not fit.
        """
        image = self._layout[index]
        if self._is_whole:
            return self._of_whole(image.prefix, top, left)
        rows = pieces(top * self._scale, self._gt_size, image.tops, self._side)
        columns = pieces(left * self._scale, self._gt_size, image.lefts, self._side)
        parts = [
            [self._read_part(image.key(row.window, column.window), row, column) for column in columns] for row in rows
        ]
        lq, gt, *maps = parts[0][0]
        if len(rows) > 1 or len(columns) > 1:
            lq, gt, *maps = (
                np.concatenate([np.concatenate([part[which] for part in line], axis=1) for line in parts])
                for which in range(len(parts[0][0]))
            )
        return CropPair(lq, gt, maps[0] if maps else None, image.key(rows[0].window, columns[0].window))

    def _open(self) -> Tuple[ImageReader, ImageReader]:
        if self._readers is None:
            self._readers = (open_reader(self.lq_folder), open_reader(self.gt_folder))
        return self._readers

    def _of_whole(self, key: str, top: int, left: int) -> CropPair:
        lq, gt = (reader.pixels(key) for reader in self._open())
        scale, side = self._scale, self._gt_size
        # What is no whole LR pixel of an HR image has no LR one.
        if (gt.shape[0] // scale, gt.shape[1] // scale) != lq.shape[:2]:
            check_sizes(lq, gt, scale, None, self._named(key))
        low = side // scale
        rows, columns = slice(top * scale, top * scale + side), slice(left * scale, left * scale + side)
        return CropPair(lq[top : top + low, left : left + low], gt[rows, columns], None, key)

    def _read_part(self, key: str, row: Piece, column: Piece) -> List[np.ndarray]:
        """Return the LR and the HR part of a crop that lie in one window, and that of its map."""
        lq, gt = (reader.pixels(key) for reader in self._open())
        check_sizes(lq, gt, self._scale, None, self._named(key))
        parts = [_part(lq, row, column, self._scale), _part(gt, row, column, 1)]
        if self._saliency is not None:
            parts.append(_part(self._saliency.read(key, lq), row, column, self._scale))
        return parts

    def _named(self, key: str) -> str:
        return f'{key!r} of {self.gt_folder} and {self.lq_folder}'

    def _position_counts(self, image: ImageWindows) -> List[int]:
        height, width = (
            (image.height, image.width)
            if self._is_whole
            else (covered(starts, self._side) for starts in (image.tops, image.lefts))
        )
        counts = self._counts_in(height, width)
        if min(counts) < 1:
            raise DataError(
                f'image {image.prefix} is smaller than the crop',
                where=f'{self.gt_folder}: {image.prefix}',
                expected=f'at least {self._gt_size} x {self._gt_size} in its windows, for gt_size: {self._gt_size}',
                found=f'{height} x {width}',
                remedy=f'remove the image, or set {option_place(self._opt, "gt_size")} to at most {min(height, width)}',
            )
        return counts

    def _counts_in(self, height: int, width: int) -> List[int]:
        return [position_count(side, self._gt_size, self._scale) for side in (height, width)]


def _part(image: np.ndarray, row: Piece, column: Piece, divisor: int) -> np.ndarray:
    (top, height), (left, width) = ((piece.offset // divisor, piece.length // divisor) for piece in (row, column))
    return image[top : top + height, left : left + width]
