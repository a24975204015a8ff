"""Random crops of whole images, read from windows: every image alike, every position in it alike (BSPA, Eq. 1)."""

from __future__ import annotations

import operator
from typing import Any, Dict, Mapping

import numpy as np
import torch
from torch.utils.data import Dataset

from bsr_plugins.common.keyed_random import HashedNumbers
from bsr_plugins.data.dataset_options import UNIFORM_WINDOWS
from bsr_plugins.data.images.data_roots import data_roots
from bsr_plugins.data.images.sample_tensors import SampleTensors
from bsr_plugins.data.images.shared_options import read_dataset_options
from bsr_plugins.data.sampling.crop_source import CropSource
from bsr_plugins.data.sampling.numbered_draws import NumberedDraws, Place, draw_number
from bsr_plugins.data.sampling.passes import Passes

# Tell order, position and flips from the draws of other data sets, keyed by the same seed and numbers.
_ORDER_STREAM, _POSITION_STREAM, _AUGMENTATION_STREAM = 8, 9, 10


class UniformWindowsDataset(NumberedDraws, Dataset):
    """What PairedImageDataset draws from whole images, drawn from an LMDB of their windows, or a raw image store.

    From windows as such, positions in several of them come more often than those in one, images weigh by their number
    of windows, and a crop across the edge of a window never comes. Here an image is drawn, then one of its positions on
    whole LR pixels, uniformly; the windows that hold the crop are read, and put together where no single one does. So
    windows need not overlap, and a crop may be larger than they are. A raw image store holds the whole images, and the
    crop is a part of one of them. The images of several roots are drawn from as those of one.

    ``dataset[i]`` is *draw number* i of this process, any integer >= 0. All ranks together pass through the images in
    one shuffled order after the other, each image once in a pass of ``len(dataset)`` draws; a pass's order depends on
    its number alone, as that of BasicSR's sampler does. Position and 8-fold augmentation are functions of
    (``torch.initial_seed()`` when the data set is built, which BasicSR has set to manual_seed + rank; i). Nothing is
    counted in the data set: with any number of workers, in any order and after any resume the draws are the same.

    What lies in no window cannot come: the rest at the right and the bottom edge, as long as the LMDB's ``threshold``
    or shorter, which the log names once with its share of the positions. ``basicsr subimages --thresh 0`` leaves none,
    and a raw image store has all positions.

    Args:
        opt: Options of the data set (:data:`bsr_plugins.data.dataset_options.UNIFORM_WINDOWS`), with ``scale`` and
            ``phase``, which BasicSR adds.

    A sample is a dict of ``lq`` (3, gt_size / scale, gt_size / scale) and ``gt`` (3, gt_size, gt_size), float32 RGB in
    [0, 1], ``lq_path`` and ``gt_path`` (the key of the first window, or of the image); with ``saliency`` in the options
    also ``saliency`` (1, gt_size / scale, gt_size / scale), float32 in [0, 1], from the maps of the windows.

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
        self._tensors = SampleTensors(opt)
        self.seed = torch.initial_seed() % 2**64
        self._sources = [CropSource(root, self.scale, self.gt_size, opt) for root in data_roots(given)]
        # Where each source begins in the list of all images.
        self._starts = np.cumsum([0, *(len(source.keys) for source in self._sources)])
        self.keys = [key for source in self._sources for key in source.keys]
        self._counts = np.concatenate([source.counts for source in self._sources])
        self.missing_share_ = np.concatenate([source.missing for source in self._sources]).mean(keepdims=True)
        for source in self._sources:
            if source.missing.any():
                get_root_logger().warning(
                    f'UniformWindowsDataset: {100 * source.missing.mean():.2g} % of the positions of whole images lie '
                    f'in no window of {source.gt_folder}, at the edges of {np.count_nonzero(source.missing)} of '
                    f'{len(source.keys)} images, and are not drawn. LMDBs made with --thresh 0 hold them, and raw '
                    'image stores.'
                )
        rank, num_ranks = get_dist_info()
        self._passes = Passes(len(self.keys), _ORDER_STREAM, rank=rank, num_ranks=num_ranks)

    def __len__(self) -> int:
        """The number of images: what BasicSR takes an epoch to be."""
        return len(self.keys)

    def draw(self, number: int) -> Place:
        """Return image and position of draw ``number`` of this process, without reading an image.

        Raises:
            TypeError: ``number`` is no integer.
            IndexError: ``number`` is negative.
        """
        number = draw_number(number)
        image = self._passes.item(number)
        rows, columns = self._counts[image].tolist()
        numbers = HashedNumbers(self.seed, number, _POSITION_STREAM)
        return Place(image, numbers.below(rows), numbers.below(columns))

    def __getitem__(self, index: int) -> Dict[str, Any]:
        place = self.draw(index)
        source = int(np.searchsorted(self._starts, place.image, side='right')) - 1
        crop = self._sources[source].crop(place.image - int(self._starts[source]), place.top, place.left)
        numbers = HashedNumbers(self.seed, operator.index(index), _AUGMENTATION_STREAM)
        tensors = self._tensors(crop.gt, crop.lq, crop.saliency, self._tensors.turn(numbers))
        return {**tensors, 'lq_path': crop.key, 'gt_path': crop.key}
