"""Sub-images drawn class by class against their long-tailed distribution (BSPA, Sec. 3.2, inverse sampling)."""

from __future__ import annotations

import operator
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np
import torch
from torch.utils.data import Dataset

from bsr_plugins.common.keyed_random import HashedNumbers
from bsr_plugins.data.dataset_options import INVERSE_SAMPLED
from bsr_plugins.data.difficulty.lmdb_pair import check_sizes
from bsr_plugins.data.images.data_roots import data_roots
from bsr_plugins.data.images.image_reader import ImageReader
from bsr_plugins.data.images.lmdb_reader import open_reader
from bsr_plugins.data.images.sample_tensors import SampleTensors, crop_pair, drawn_corner
from bsr_plugins.data.images.shared_options import read_dataset_options
from bsr_plugins.data.saliency.saliency_maps import SaliencyMaps
from bsr_plugins.data.sampling.class_draws import ClassDraws, Draw
from bsr_plugins.data.sampling.classes_of_set import classes_of
from bsr_plugins.data.sampling.numbered_draws import NumberedDraws
from bsr_plugins.data.subimages.window_layout import log_degradation

# Tells crop and flips from the draw itself (class_draws), keyed by the same seed and number.
_AUGMENTATION_STREAM = 2


class InverseSampledLMDBDataset(NumberedDraws, Dataset):
    """Pairs of sub-images; ``dataset[i]`` is *draw number* i, any integer >= 0, not sub-image i.

    A draw takes class k with ``P_k = (1 / N_k) / sum_j (1 / N_j)`` (Eq. 4), then a member of it uniformly, with
    replacement. It is a pure function of (``torch.initial_seed()`` when the data set is built, which BasicSR has set
    to manual_seed + rank; i), crop and 8-fold augmentation included. Nothing is counted in the data set: with
    any number of workers, in any order and after any resume the draws are the same.

    Args:
        opt: Options of the data set (:data:`bsr_plugins.data.dataset_options.INVERSE_SAMPLED`), with ``scale`` and
            ``phase``, which BasicSR adds.

    A sample is a dict of ``lq`` (3, h, w) and ``gt`` (3, h * scale, w * scale), float32 RGB in [0, 1], ``lq_path`` and
    ``gt_path`` (the key), ``class_index`` (int); with ``saliency`` in the options also ``saliency`` (1, h, w), float32
    in [0, 1]. With ``uint8`` all three are bytes.

    Attributes:
        class_counts_: (K,) N_k. class_probabilities_: (K,) the probability of each class under ``sampling``.
        class_thresholds_: (K,) t_k of Eq. 3; other data is classed by ``long_tail.classify_by_thresholds``.

    Raises:
        OptionError: An option is unknown or out of range, or the phase is not ``train``.
        DataError: LMDB or difficulty are missing, stale or do not fit each other; when reading: a damaged record, or
            sizes that do not fit.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        super().__init__()
        given = read_dataset_options(opt, INVERSE_SAMPLED)
        self.opt: Dict[str, Any] = dict(opt)
        self.scale: int = given.scale
        self.roots = data_roots(given)
        self.gt_size: Optional[int] = given.gt_size
        self._tensors = SampleTensors(opt)
        self.seed = torch.initial_seed() % 2**64

        self._saliency = [
            None if root.saliency is None else SaliencyMaps(root.saliency, root.lq) for root in self.roots
        ]
        self._table = classes_of(self.roots, given)
        for root in self.roots:
            log_degradation(root.lq)
        self.class_counts_, self.class_thresholds_ = self._table.counts, self._table.thresholds
        self._sampling = given.sampling
        self._draws = self._new_draws()
        self.class_probabilities_ = self._draws.probabilities
        self._readers: Dict[int, Tuple[ImageReader, ImageReader]] = {}

    def __len__(self) -> int:
        """The number of sub-images: what BasicSR takes an epoch to be."""
        return len(self._table)

    def __getstate__(self) -> Dict[str, Any]:
        # What a spawned worker maps or opens itself; forked ones share the pages.
        return {**self.__dict__, '_readers': {}, '_draws': None}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._draws = self._new_draws()

    def draw(self, number: int) -> Draw:
        """Return the class and the sub-image (its index in key order) of draw ``number``, without reading an image."""
        return self._draws.draw(number)

    def key(self, member: int) -> str:
        """Return the LMDB key of a sub-image."""
        return self._table.key(member)

    def __getitem__(self, index: int) -> Dict[str, Any]:
        class_index, member = self.draw(index)
        key = self.key(member)
        root = self._table.root(member)
        lq, gt = self._read_pair(key, root)
        maps = self._saliency[root]
        saliency = None if maps is None else maps.read(key, lq)
        numbers = HashedNumbers(self.seed, operator.index(index), _AUGMENTATION_STREAM)
        if self.gt_size is not None:
            corner = drawn_corner(lq, self.gt_size, self.scale, numbers)
            gt, lq, saliency = crop_pair(gt, lq, corner, self.gt_size, self.scale, saliency)
        tensors = self._tensors(gt, lq, saliency, self._tensors.turn(numbers))
        return {**tensors, 'lq_path': key, 'gt_path': key, 'class_index': class_index}

    def _read_pair(self, key: str, root: int) -> Tuple[np.ndarray, np.ndarray]:
        gt_folder, lq_folder = self.roots[root].gt, self.roots[root].lq
        if root not in self._readers:
            self._readers[root] = (open_reader(lq_folder), open_reader(gt_folder))
        lq, gt = (reader.pixels(key) for reader in self._readers[root])
        check_sizes(lq, gt, self.scale, self.gt_size, f'{key!r} of {gt_folder} and {lq_folder}')
        return lq, gt

    def _new_draws(self) -> ClassDraws:
        return ClassDraws.of_sorted(self._table.members, self._table.counts, self._sampling, self.seed)
