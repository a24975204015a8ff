"""Random crops of image pairs, each with its part of a saliency map: what ADD needs of its data (experimental)."""

from __future__ import annotations

import operator
from typing import Any, Dict, Mapping, Tuple

import numpy as np
import torch
from torch.utils.data import Dataset

from bsr_plugins.common.keyed_random import HashedNumbers
from bsr_plugins.data.dataset_options import SALIENCY_PAIRED
from bsr_plugins.data.images.sample_tensors import crop_pair, drawn_corner
from bsr_plugins.data.images.shared_options import read_dataset_options
from bsr_plugins.data.sampling.numbered_draws import NumberedDraws, Place, draw_number
from bsr_plugins.data.sampling.pair_reader import PairedImages
from bsr_plugins.data.sampling.passes import Passes

# Tell order, position and flips from the draws of other data sets, keyed by the same seed and numbers.
_ORDER_STREAM, _POSITION_STREAM, _AUGMENTATION_STREAM = 11, 12, 13


class SaliencyPairedDataset(NumberedDraws, Dataset):
    """PairedImageDataset whose samples have their part of their image's saliency map, from ``basicsr saliency``.

    What it draws is what a plain training draws: each image once in a pass, the crop's position uniform among those on
    whole LR pixels, 8-fold augmentation. The map goes with the sample, for ``train.augment`` with ``saliency: map``.

    ``dataset[i]`` is *draw number* i of this process, any integer >= 0. All ranks together pass through the images in
    one shuffled order after the other, each image once in a pass of ``len(dataset)`` draws; a pass's order depends on
    its number alone, as that of BasicSR's sampler does. Position and augmentation are functions of
    (``torch.initial_seed()`` when the data set is built, which BasicSR has set to manual_seed + rank; i). Nothing is
    counted in the data set: with any number of workers, in any order and after any resume the draws are the same.

    Args:
        opt: Options of the data set (:data:`bsr_plugins.data.dataset_options.SALIENCY_PAIRED`), with ``scale`` and
            ``phase``, which BasicSR adds.

    A sample is a dict of ``lq`` (3, gt_size / scale, gt_size / scale) and ``gt`` (3, gt_size, gt_size), float32 RGB in
    [0, 1], ``saliency`` (1, gt_size / scale, gt_size / scale), float32 in [0, 1], flipped and turned with ``lq``,
    ``lq_path`` and ``gt_path``. Pixel (y, x) of an LR image reads cell (y // cell, x // cell) of its map, whose largest
    cell is 1.

    Raises:
        OptionError: An option is unknown, missing or out of range, or the phase is not ``train``.
        DataError: The images are missing or do not pair, an image has no map; when reading: an image is damaged, of
            another scale or smaller than the crop, a map is of another image.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        from basicsr.utils.dist_util import get_dist_info

        super().__init__()
        given = read_dataset_options(opt, SALIENCY_PAIRED)
        self.opt: Dict[str, Any] = dict(opt)
        self.scale: int = given.scale
        self.gt_size: int = given.gt_size
        self.seed = torch.initial_seed() % 2**64
        self._images = PairedImages(opt)
        # A map of another size or of another image is told before the first step, as a rule.
        self._images.read_saliency(0, self._images.read_lq(0))
        rank, num_ranks = get_dist_info()
        self._passes = Passes(len(self._images), _ORDER_STREAM, rank=rank, num_ranks=num_ranks)

    def __len__(self) -> int:
        """The number of images: what BasicSR takes an epoch to be."""
        return len(self._images)

    def draw(self, number: int) -> Place:
        """Return image and position of draw ``number`` of this process.

        Raises:
            TypeError: ``number`` is no integer.
            IndexError: ``number`` is negative.
        """
        image = self._image(number)
        return Place(image, *self._position(number, self._images.read_lq(image)))

    def __getitem__(self, index: int) -> Dict[str, Any]:
        number = int(operator.index(index))
        image = self._image(number)
        lq, gt = self._images.read_lq(image), self._images.read_gt(image)
        self._images.check_pair(image, lq, gt)
        saliency = self._images.read_saliency(image, lq)
        crops = crop_pair(gt, lq, self._position(number, lq), self.gt_size, self.scale, saliency)
        gt_crop, lq_crop, saliency_crop = crops
        numbers = HashedNumbers(self.seed, number, _AUGMENTATION_STREAM)
        return self._images.to_sample(image, lq_crop, gt_crop, numbers, saliency_crop)

    def _image(self, number: int) -> int:
        return self._passes.item(draw_number(number))

    def _position(self, number: int, lq: np.ndarray) -> Tuple[int, int]:
        return drawn_corner(lq, self.gt_size, self.scale, HashedNumbers(self.seed, number, _POSITION_STREAM))
