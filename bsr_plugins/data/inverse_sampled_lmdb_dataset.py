"""Sub-images drawn class by class against their long-tailed distribution (BSPA, Sec. 3.2, inverse sampling)."""

from __future__ import annotations

import operator
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np
import torch
from torch.utils.data import Dataset

from bsr_plugins.common.keyed_random import keyed_python_random
from bsr_plugins.data.dataset_options import INVERSE_SAMPLED
from bsr_plugins.data.difficulty.lmdb_pair import check_sizes, read_pair_difficulty
from bsr_plugins.data.images.data_roots import one_root
from bsr_plugins.data.images.image_reader import ImageReader
from bsr_plugins.data.images.lmdb_reader import open_reader
from bsr_plugins.data.images.sample_tensors import SampleTensors, random_crop
from bsr_plugins.data.images.shared_options import read_dataset_options
from bsr_plugins.data.saliency.saliency_maps import SaliencyMaps
from bsr_plugins.data.sampling.class_draws import ClassDraws, Draw
from bsr_plugins.data.sampling.long_tail import class_counts, rank_into_classes
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
    in [0, 1].

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
        self.gt_folder, self.lq_folder = (one_root(opt, key) for key in ('dataroot_gt', 'dataroot_lq'))
        self.gt_size: Optional[int] = given.gt_size
        self._tensors = SampleTensors(opt)
        self.seed = torch.initial_seed() % 2**64

        keys, mse = read_pair_difficulty(self.gt_folder, self.lq_folder, self.scale, self.gt_size, given.difficulty)
        log_degradation(self.lq_folder)
        self._saliency: Optional[SaliencyMaps] = None
        if given.saliency is not None:
            self._saliency = SaliencyMaps(given.saliency, self.lq_folder)
            self._saliency.check_keys(keys)
        self.class_counts_ = class_counts(len(keys), given.num_classes, given.imbalance_factor)
        ranked = rank_into_classes(keys, mse, self.class_counts_)
        self.class_thresholds_ = ranked.thresholds
        self._draws = ClassDraws(ranked.class_index, given.sampling, self.seed)
        self.class_probabilities_ = self._draws.probabilities
        # One flat array, not a list: worker processes share its pages, while counting references would copy them.
        self._keys = np.char.encode(keys, 'ascii')
        self._readers: Optional[Tuple[ImageReader, ImageReader]] = None

    def __len__(self) -> int:
        """The number of sub-images: what BasicSR takes an epoch to be."""
        return len(self._keys)

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, '_readers': None}

    def draw(self, number: int) -> Draw:
        """Return the class and the sub-image (its index in key order) of draw ``number``, without reading an image."""
        return self._draws.draw(number)

    def key(self, member: int) -> str:
        """Return the LMDB key of a sub-image."""
        return self._keys[member].decode('ascii')

    def __getitem__(self, index: int) -> Dict[str, Any]:
        class_index, member = self.draw(index)
        key = self.key(member)
        lq, gt = self._read_pair(key)
        maps = [] if self._saliency is None else [self._saliency.read(key, np.rint(lq * 255).astype(np.uint8))]
        with keyed_python_random(self.seed, operator.index(index), _AUGMENTATION_STREAM):
            if self.gt_size is not None:
                gt, lq, *maps = random_crop(gt, lq, self.gt_size, self.scale, *maps)
            tensors = self._tensors(gt, lq, *maps)
        return {**tensors, 'lq_path': key, 'gt_path': key, 'class_index': class_index}

    def _read_pair(self, key: str) -> Tuple[np.ndarray, np.ndarray]:
        if self._readers is None:
            self._readers = (open_reader(self.lq_folder), open_reader(self.gt_folder))
        lq, gt = (reader.image(key) for reader in self._readers)
        check_sizes(lq, gt, self.scale, self.gt_size, f'{key!r} of {self.gt_folder} and {self.lq_folder}')
        return lq, gt
