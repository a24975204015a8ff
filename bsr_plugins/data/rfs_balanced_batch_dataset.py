"""Batches balanced by patch information capacity: the sampling RFS of "A Balanced Framework for Single Image SR"."""

from __future__ import annotations

import operator
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.keyed_random import HashedNumbers
from bsr_plugins.data.dataset_options import RFS
from bsr_plugins.data.images.result_cache import ImageResults
from bsr_plugins.data.images.sample_tensors import crop_pair
from bsr_plugins.data.images.shared_options import read_dataset_options
from bsr_plugins.data.sampling.balance_counts import BalanceCounts, interval_ranges
from bsr_plugins.data.sampling.balanced_draws import BalancedDraws, Pick
from bsr_plugins.data.sampling.batch_fetching import fetches_batches
from bsr_plugins.data.sampling.numbered_draws import NumberedDraws
from bsr_plugins.data.sampling.pair_reader import PairedImages
from bsr_plugins.data.sampling.patch_sides import pic_side
from bsr_plugins.data.sampling.pic import window_pic
from bsr_plugins.data.sampling.pic_intervals import interval_edges
from bsr_plugins.data.sampling.pic_table import auto_pic_max, image_fractions, largest_pic, shares_of_intervals

# Tells flips and rotations from the draws of other streams (balanced_draws has 3).
_AUGMENTATION_STREAM = 4


class RFSBalancedBatchDataset(NumberedDraws, Dataset):
    """Training pairs of PairedImageDataset, each batch with N / p patches of each of p intervals of PIC.

    The PIC (``data/sampling/pic.py``) is that of the LR patch, with pixels in [0, 1]. The intervals have equal width
    over [0, pic_max]; a PIC above pic_max counts in the last one. ``__getitems__`` makes a batch from its draw numbers.
    The batch is a pure function of them and of ``torch.initial_seed()`` when the data set is built, which BasicSR has
    set to manual_seed + rank. Nothing is counted in the data set: with any number of workers and after any resume the
    batches are the same. Each rank fills its own quotas. How patches are drawn: :class:`BalancedDraws`.

    torch < 1.13 only asks for single items: ``dataset[n]`` then takes an interval at random, so that batches are
    balanced in expectation, not exactly; the log says so once.

    Args:
        opt: Options of the data set (:data:`bsr_plugins.data.dataset_options.RFS`), with ``scale`` and ``phase``, which
            BasicSR adds. ``pic_max: auto`` gives the same edge for every manual_seed.

    A sample is a dict of ``lq`` (3, h, w) and ``gt`` (3, h * scale, w * scale), float32 RGB in [0, 1], ``lq_path``,
    ``gt_path``, ``pic`` (of the LR patch) and ``interval_index`` (int, 0 = flattest): both are those of the patch
    itself, even where another interval was asked for. With ``saliency`` in the options also ``saliency`` (1, h, w),
    float32 in [0, 1].

    The paper leaves open what happens where the M images have no patch of an interval, and how pic_max is found; what
    is done here stands above and in :class:`BalancedDraws`. At the start all LR images are read twice
    (``pic_table.py``), unless the results are cached.

    Attributes:
        interval_edges_: (p + 1,). pic_max_: the last of them.
        image_fractions_: (n, p) share of each image's positions in each interval, images in the order of their names.

    Raises:
        OptionError: An option is unknown or out of range, or the phase is not ``train``.
        DataError: An image is missing, damaged, smaller than the patch, of more than 8 bits or of another scale, or
            nearly all patches are constant and ``pic_max`` is auto.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        super().__init__()
        given = read_dataset_options(opt, RFS)
        self.opt: Dict[str, Any] = dict(opt)
        self.images = PairedImages(opt)
        self.scale = self.images.scale
        self.lq_size = pic_side(given.gt_size, given.scale)
        self._gt_size: int = given.gt_size
        self.num_intervals: int = given.num_intervals
        self.num_images: Optional[int] = given.num_images
        self.seed = torch.initial_seed() % 2**64

        is_auto = given.pic_max == 'auto'
        self.pic_max_ = auto_pic_max(self.images, self.lq_size) if is_auto else float(given.pic_max)
        self.interval_edges_ = interval_edges(self.pic_max_, self.num_intervals)
        self.image_fractions_ = image_fractions(self.images, self.lq_size, self.interval_edges_)
        self._draws = BalancedDraws(self.image_fractions_, given.max_tries, self.seed)
        self._counts = BalanceCounts(self.num_intervals)
        self._said_replaced = False
        self._say_at_start()

    @staticmethod
    def computed_at_start(opt: Mapping[str, Any]) -> Iterator[ImageResults]:
        """Yield what the first start computes of the images, for ``basicsr prepare``; the second depends on the first.

        Raises:
            OptionError, DataError: As for the class.
        """
        given = read_dataset_options(opt, RFS)
        images, size = PairedImages(opt), pic_side(given.gt_size, given.scale)
        if given.pic_max == 'auto':
            yield largest_pic(images, size)
        pic_max = auto_pic_max(images, size) if given.pic_max == 'auto' else float(given.pic_max)
        yield shares_of_intervals(images, size, interval_edges(pic_max, given.num_intervals))

    def __len__(self) -> int:
        """The number of images: what BasicSR takes an epoch to be."""
        return len(self.images)

    def __getitem__(self, number: int) -> Dict[str, Any]:
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: Sequence[int]) -> List[Dict[str, Any]]:
        """Return the batch of these draw numbers."""
        picks = self.draw(numbers)
        samples: Dict[int, Dict[str, Any]] = {}
        random = HashedNumbers(self.seed, *(operator.index(number) for number in numbers), _AUGMENTATION_STREAM)
        for image in sorted({pick.image for pick in picks}):
            places = [place for place, pick in enumerate(picks) if pick.image == image]
            samples.update(zip(places, self._cut(image, [picks[place] for place in places], random)))
        self._counts.add(
            [pick.wanted for pick in picks], [pick.wanted for pick in picks if pick.interval != pick.wanted]
        )
        return [samples[place] for place in range(len(picks))]

    def draw(self, numbers: Sequence[int]) -> List[Pick]:
        """Return the image and the interval of each patch of the batch of ``numbers``, without reading an image."""
        at_least = int(self.opt.get('batch_size_per_gpu') or 1)
        return self._draws.batch(numbers, self.num_images or max(len(numbers), at_least))

    @property
    def balance_(self) -> np.ndarray:
        """Patches asked of each interval so far, and those of them that came from another one: (2, p) int64."""
        return np.stack([self._counts.asked, self._counts.replaced])

    def on_epoch_start(self, epoch: int) -> None:
        """Say how balanced the batches so far were (called by the mended EnlargedSampler)."""
        if self._counts.asked.any():
            _logger().info(self._counts.sentence())
        self._warn_of_replaced()

    def training_log(self) -> Dict[str, float]:
        """Return what RebalancedSRModel logs of this set: the share of patches of another interval than asked for."""
        self._warn_of_replaced()
        return {'balance_fallback': self._counts.replaced_share}

    def _cut(self, image: int, picks: List[Pick], random: HashedNumbers) -> List[Dict[str, Any]]:
        """Return the samples of the picks from one image, which is read once."""
        lq, gt = self.images.read_lq(image), self.images.read_gt(image)
        self.images.check_pair(image, lq, gt)
        saliency = self.images.read_saliency(image, lq)
        pic = window_pic(lq, self.lq_size)
        samples = []
        for pick in picks:
            y, x = self._position(pic, pick)
            gt_crop, lq_crop, saliency_crop = crop_pair(gt, lq, (y, x), self._gt_size, self.scale, saliency)
            sample = self.images.to_sample(image, lq_crop, gt_crop, random, saliency_crop)
            samples.append({**sample, 'pic': np.float32(pic[y, x]), 'interval_index': pick.interval})
        return samples

    def _position(self, pic: np.ndarray, pick: Pick) -> List[int]:
        # As interval_of, in a tenth of the time.
        inside = pic >= self.interval_edges_[pick.interval] if pick.interval else np.ones(pic.shape, bool)
        if pick.interval < self.num_intervals - 1:
            inside &= pic < self.interval_edges_[pick.interval + 1]
        found = np.flatnonzero(inside)
        if not found.size:
            raise DataError(
                f'image {self.images.lq_path(pick.image)} has changed since the training began',
                where=self.images.lq_folder,
                expected=f'patches of PIC interval {pick.interval}',
                found='none',
                remedy='start the run again',
            )
        return [int(part) for part in divmod(found[int(pick.place * found.size)], pic.shape[1])]

    # ------------------------------------------------------------------ what is said
    def _say_at_start(self) -> None:
        if self._draws.empty_intervals.any():
            _logger().warning(
                f'RFS: no image of the training set has a patch of the PIC intervals '
                f'{interval_ranges(np.flatnonzero(self._draws.empty_intervals))} (of {self.num_intervals} up to '
                f'{self.pic_max_:.4g}): their share of each batch comes from the nearest ones.'
            )
        if not fetches_batches():
            _logger().warning(
                'RFS: this torch asks data sets for single samples (torch >= 1.13 for batches): batches '
                'are balanced in expectation, not exactly.'
            )

    def _warn_of_replaced(self) -> None:
        unexpected = (self._counts.replaced > 0) & ~self._draws.empty_intervals
        if unexpected.any() and not self._said_replaced:
            self._said_replaced = True
            _logger().warning(
                f'RFS: some patches of the PIC intervals {interval_ranges(np.flatnonzero(unexpected))} were not '
                f'found in the images of a batch and came from the nearest intervals; a larger '
                'num_images or max_tries makes that rarer.'
            )


def _logger() -> Any:
    from basicsr.utils import get_root_logger

    return get_root_logger()
