"""Random crops of whole images, read from windows: every image alike, every position in it alike (BSPA, Eq. 1)."""

from __future__ import annotations

import operator
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np
import torch
from torch.utils.data import Dataset

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.keyed_random import keyed_generator, keyed_python_random
from bsr_plugins.data.dataset_options import UNIFORM_WINDOWS
from bsr_plugins.data.difficulty.lmdb_pair import check_sizes
from bsr_plugins.data.images.data_roots import one_root
from bsr_plugins.data.images.image_reader import ImageReader
from bsr_plugins.data.images.lmdb_reader import decode_record, open_reader
from bsr_plugins.data.images.sample_tensors import SampleTensors
from bsr_plugins.data.images.shared_options import option_place, read_dataset_options
from bsr_plugins.data.saliency.saliency_maps import SaliencyMaps
from bsr_plugins.data.sampling.numbered_draws import NumberedDraws, Place, draw_number
from bsr_plugins.data.sampling.passes import Passes
from bsr_plugins.data.sampling.window_crops import Piece, covered, pieces, position_count
from bsr_plugins.data.subimages.window_layout import log_degradation, read_layout

# Tell order, position and flips from the draws of other data sets, keyed by the same seed and numbers.
_ORDER_STREAM, _POSITION_STREAM, _AUGMENTATION_STREAM = 8, 9, 10


class UniformWindowsDataset(NumberedDraws, Dataset):
    """What PairedImageDataset draws from whole images, drawn from an LMDB of their windows.

    From windows as such, positions in several of them come more often than those in one, images weigh by their number
    of windows, and a crop across the edge of a window never comes. Here an image is drawn, then one of its positions on
    whole LR pixels, uniformly; the windows that hold the crop are read, and put together where no single one does. So
    windows need not overlap, and a crop may be larger than they are.

    ``dataset[i]`` is *draw number* i of this process, any integer >= 0. All ranks together pass through the images in
    one shuffled order after the other, each image once in a pass of ``len(dataset)`` draws; a pass's order depends on
    its number alone, as that of BasicSR's sampler does. Position and 8-fold augmentation are functions of
    (``torch.initial_seed()`` when the data set is built, which BasicSR has set to manual_seed + rank; i). Nothing is
    counted in the data set: with any number of workers, in any order and after any resume the draws are the same.

    What lies in no window cannot come: the rest at the right and the bottom edge, as long as the LMDB's ``threshold``
    or shorter, which the log names once with its share of the positions. ``basicsr subimages --thresh 0`` leaves none.

    Args:
        opt: Options of the data set (:data:`bsr_plugins.data.dataset_options.UNIFORM_WINDOWS`), with ``scale`` and
            ``phase``, which BasicSR adds.

    A sample is a dict of ``lq`` (3, gt_size / scale, gt_size / scale) and ``gt`` (3, gt_size, gt_size), float32 RGB in
    [0, 1], ``lq_path`` and ``gt_path`` (the key of the first window); with ``saliency`` in the options also
    ``saliency`` (1, gt_size / scale, gt_size / scale), float32 in [0, 1], from the maps of the windows.

    Attributes:
        missing_share_: (1,) the share of the positions of whole images that lie in no window, images alike.

    Raises:
        OptionError: An option is unknown, missing or out of range, or the phase is not ``train``.
        DataError: An LMDB is missing, does not fit the other, or was made by a release that did not note the sizes of
            images; windows that leave gaps; an image smaller than the crop; when reading: a damaged record.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        from basicsr.utils import get_root_logger
        from basicsr.utils.dist_util import get_dist_info

        super().__init__()
        given = read_dataset_options(opt, UNIFORM_WINDOWS)
        self.opt: Dict[str, Any] = dict(opt)
        self.scale: int = given.scale
        self.gt_size: int = given.gt_size
        self.gt_folder, self.lq_folder = (one_root(opt, key) for key in ('dataroot_gt', 'dataroot_lq'))
        self._tensors = SampleTensors(opt)
        self.seed = torch.initial_seed() % 2**64
        grid, self._layout = read_layout(self.gt_folder, self.lq_folder, self.scale)
        self._side = grid.crop
        log_degradation(self.lq_folder)
        if grid.step > grid.crop:
            raise DataError(
                'The windows leave gaps between them, which hold positions of whole images',
                where=self.gt_folder,
                expected=f'a step of at most {grid.crop}, the side of the windows',
                found=f'a step of {grid.step}',
                remedy=f'make the LMDBs with --step {grid.crop} or less',
            )
        self.keys = [image.prefix for image in self._layout]
        self._counts = np.array([self._position_counts(index) for index in range(len(self._layout))])
        whole = [self._counts_in(image.height, image.width) for image in self._layout]
        shares = 1 - self._counts.prod(1) / np.array([rows * columns for rows, columns in whole])
        self.missing_share_ = shares.mean(keepdims=True)
        if shares.any():
            get_root_logger().warning(
                f'UniformWindowsDataset: {100 * self.missing_share_[0]:.2g} % of the positions of whole images lie in '
                f'no window of {self.gt_folder}, at the edges of {np.count_nonzero(shares)} of {len(shares)} images, '
                f'and are not drawn. LMDBs made with --thresh 0 hold them.'
            )
        rank, num_ranks = get_dist_info()
        self._passes = Passes(len(self._layout), _ORDER_STREAM, rank=rank, num_ranks=num_ranks)
        self._saliency: Optional[SaliencyMaps] = None
        if given.saliency is not None:
            self._saliency = SaliencyMaps(given.saliency, self.lq_folder)
            self._saliency.check_keys(
                image.key(row, column)
                for image in self._layout
                for row in range(len(image.tops))
                for column in range(len(image.lefts))
            )
        self._readers: Optional[Tuple[ImageReader, ImageReader]] = None

    def __len__(self) -> int:
        """The number of images: what BasicSR takes an epoch to be."""
        return len(self._layout)

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, '_readers': None}

    def draw(self, number: int) -> Place:
        """Return image and position of draw ``number`` of this process, without reading an image.

        Raises:
            TypeError: ``number`` is no integer.
            IndexError: ``number`` is negative.
        """
        number = draw_number(number)
        image = self._passes.item(number)
        top, left = keyed_generator(self.seed, number, _POSITION_STREAM).integers(self._counts[image])
        return Place(image, int(top), int(left))

    def __getitem__(self, index: int) -> Dict[str, Any]:
        place = self.draw(index)
        image = self._layout[place.image]
        rows = pieces(place.top * self.scale, self.gt_size, image.tops, self._side)
        columns = pieces(place.left * self.scale, self.gt_size, image.lefts, self._side)
        parts = [
            [self._read_part(image.key(row.window, column.window), row, column) for column in columns] for row in rows
        ]
        lq, gt, *maps = (
            np.concatenate([np.concatenate([part[which] for part in line], axis=1) for line in parts])
            for which in range(len(parts[0][0]))
        )
        with keyed_python_random(self.seed, int(operator.index(index)), _AUGMENTATION_STREAM):
            tensors = self._tensors(gt, lq, *maps)
        key = image.key(rows[0].window, columns[0].window)
        return {**tensors, 'lq_path': key, 'gt_path': key}

    def _read_part(self, key: str, row: Piece, column: Piece) -> List[np.ndarray]:
        """Return the LR and the HR part of a crop that lie in one window, (h, w, 3) uint8 BGR, and that of its map."""
        if self._readers is None:
            self._readers = (open_reader(self.lq_folder), open_reader(self.gt_folder))
        lq, gt = (decode_record(reader.path, key, reader.record(key)) for reader in self._readers)
        check_sizes(lq, gt, self.scale, None, f'{key!r} of {self.gt_folder} and {self.lq_folder}')
        parts = [_part(lq, row, column, self.scale), _part(gt, row, column, 1)]
        if self._saliency is not None:
            parts.append(_part(self._saliency.read(key, lq), row, column, self.scale))
        return parts

    def _position_counts(self, index: int) -> List[int]:
        image = self._layout[index]
        height, width = (covered(starts, self._side) for starts in (image.tops, image.lefts))
        counts = self._counts_in(height, width)
        if min(counts) < 1:
            raise DataError(
                f'image {image.prefix} is smaller than the crop',
                where=f'{self.gt_folder}: {image.prefix}',
                expected=f'at least {self.gt_size} x {self.gt_size} in its windows, for gt_size: {self.gt_size}',
                found=f'{height} x {width}',
                remedy=f'remove the image, or set {option_place(self.opt, "gt_size")} to at most {min(height, width)}',
            )
        return counts

    def _counts_in(self, height: int, width: int) -> List[int]:
        return [position_count(side, self.gt_size, self.scale) for side in (height, width)]


def _part(image: np.ndarray, row: Piece, column: Piece, divisor: int) -> np.ndarray:
    (top, height), (left, width) = ((piece.offset // divisor, piece.length // divisor) for piece in (row, column))
    return image[top : top + height, left : left + width]
