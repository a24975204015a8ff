"""Crops taken where bilinear upscaling restores an image worst (SamplingAug, BMVC 2021), image by image."""

from __future__ import annotations

import operator
from types import SimpleNamespace
from typing import Any, Dict, Iterator, Mapping, Tuple

import numpy as np
import torch
from torch.utils.data import Dataset

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.keyed_random import HashedNumbers
from bsr_plugins.data.dataset_options import SAMPLING_AUG
from bsr_plugins.data.images.result_cache import ImageResults
from bsr_plugins.data.images.sample_tensors import crop_pair
from bsr_plugins.data.images.shared_options import read_dataset_options
from bsr_plugins.data.sampling.numbered_draws import NumberedDraws, Place, draw_number
from bsr_plugins.data.sampling.pair_reader import PairedImages
from bsr_plugins.data.sampling.passes import Passes
from bsr_plugins.data.sampling.sampling_aug import informative_positions, patch_psnr_map

# Raised when what is cached changes, so that results of earlier versions are not taken up.
_VERSION = 1
# Tell position and flips from the draws of other data sets, keyed by the same seed and numbers.
_POSITION_STREAM, _AUGMENTATION_STREAM = 5, 6


class SamplingAugDataset(NumberedDraws, Dataset):
    """PairedImageDataset whose crops lie at the ``portion`` of positions of each image that is hardest to restore.

    A position is hard where the PSNR of bilinear upscaling is low (``sampling_aug.patch_psnr_map``). The PSNR is
    computed once for all positions that fall on whole LR pixels, with a progress bar. The result is kept in the user's
    cache folder by the content of the images (``result_cache``), so that later runs compute only what has changed.

    ``dataset[i]`` is *draw number* i of this process, any integer >= 0. All ranks together pass through the images in
    one shuffled order after the other, each image once in a pass of ``len(dataset)`` draws, as in the published code;
    a pass's order depends on its number alone, as that of BasicSR's sampler does. The crop's position, uniform among
    the chosen ones, and the 8-fold augmentation are functions of (``torch.initial_seed()`` when the data set is built,
    which BasicSR has set to manual_seed + rank; i). Nothing is counted in the data set: with any number of workers, in
    any order and after any resume the draws are the same.

    Args:
        opt: Options of the data set (:data:`bsr_plugins.data.dataset_options.SAMPLING_AUG`), with ``scale`` and
            ``phase``, which BasicSR adds. ``portion: 1`` gives, in effect, random crops; the paper's ``gt_size`` is
            192.

    A sample is a dict of ``lq`` (3, gt_size / scale, gt_size / scale) and ``gt`` (3, gt_size, gt_size), float32 RGB in
    [0, 1], ``lq_path``, ``gt_path``; with ``saliency`` in the options also ``saliency`` (1, gt_size / scale,
    gt_size / scale), float32 in [0, 1].

    Attributes:
        position_counts_: (N,) how many positions of each image are drawn from.

    Raises:
        OptionError: An option is unknown, missing or out of range, or the phase is not ``train``.
        DataError: The images are missing, do not pair, or one is damaged, of another scale or smaller than the crop.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        from basicsr.utils.dist_util import get_dist_info

        super().__init__()
        given = read_dataset_options(opt, SAMPLING_AUG)
        self.opt: Dict[str, Any] = dict(opt)
        self.scale: int = given.scale
        self.gt_size: int = given.gt_size
        self.portion = float(given.portion)
        self.seed = torch.initial_seed() % 2**64
        rank, num_ranks = get_dist_info()
        self._images = PairedImages(opt)
        self._passes = Passes(len(self._images), _POSITION_STREAM, rank=rank, num_ranks=num_ranks)
        self._positions = _positions_of(self._images, given).get()
        self.position_counts_ = np.diff(self._positions.offsets) - 1

    @staticmethod
    def computed_at_start(opt: Mapping[str, Any]) -> Iterator[ImageResults]:
        """Yield what the first start computes of the images, for ``basicsr prepare``.

        Raises:
            OptionError, DataError: As for the class.
        """
        yield _positions_of(PairedImages(opt), read_dataset_options(opt, SAMPLING_AUG))

    def __len__(self) -> int:
        """The number of images: what BasicSR takes an epoch to be."""
        return len(self._images)

    def draw(self, number: int) -> Place:
        """Return image and position of draw ``number`` of this process, without reading an image.

        Raises:
            TypeError: ``number`` is no integer.
            IndexError: ``number`` is negative.
        """
        number = draw_number(number)
        image = self._passes.item(number)
        positions = self._positions[image]
        chosen = 1 + HashedNumbers(self.seed, number, _POSITION_STREAM).below(len(positions) - 1)
        top, left = divmod(int(positions[chosen]), int(positions[0]))
        return Place(image, top, left)

    def __getitem__(self, index: int) -> Dict[str, Any]:
        image, top, left = self.draw(index)
        lq, gt = self._read_pair(image)
        size = self.gt_size // self.scale
        if top + size > lq.shape[0] or left + size > lq.shape[1]:
            raise DataError(
                f'image {self._images.lq_path(image)} is smaller than it was when the run started',
                where=self._images.lq_path(image),
                found=f'{lq.shape[0]} x {lq.shape[1]}',
                remedy='do not change the images while a run reads them; start it again',
            )
        saliency = self._images.read_saliency(image, lq)
        gt_crop, lq_crop, saliency_crop = crop_pair(gt, lq, (top, left), self.gt_size, self.scale, saliency)
        numbers = HashedNumbers(self.seed, operator.index(index), _AUGMENTATION_STREAM)
        return self._images.to_sample(image, lq_crop, gt_crop, numbers, saliency_crop)

    def _read_pair(self, image: int) -> Tuple[np.ndarray, np.ndarray]:
        lq, gt = self._images.read_lq(image), self._images.read_gt(image)
        self._images.check_pair(image, lq, gt)
        return lq, gt


def _positions_of(images: PairedImages, given: SimpleNamespace) -> ImageResults:
    """Return for each image the number of columns of its map, then the chosen positions in the flattened map: int32."""

    def find_positions(image: int) -> np.ndarray:
        lq, gt = images.read_lq(image), images.read_gt(image)
        images.check_pair(image, lq, gt)
        psnr = patch_psnr_map(lq, gt, given.gt_size, given.scale)
        return np.concatenate([[psnr.shape[1]], informative_positions(psnr, float(given.portion))]).astype(np.int32)

    return ImageResults(
        'sampling_aug',
        {'version': _VERSION, 'gt_size': given.gt_size, 'scale': given.scale, 'portion': float(given.portion)},
        [(images.stored_lq(index), images.stored_gt(index)) for index in range(len(images))],
        find_positions,
        label='SamplingAug: informative positions',
    )
