"""The classes of an inverse-sampled set: the table of its difficulty, ranked as BSPA does (Eq. 2 and 3)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Sequence

import numpy as np

from bsr_plugins.data.difficulty.difficulty_table import DifficultyTable, Policy, open_difficulty_table
from bsr_plugins.data.images.data_roots import DataRoot
from bsr_plugins.data.saliency.saliency_maps import SaliencyMaps
from bsr_plugins.data.sampling.long_tail import ClassAssignment, class_counts, rank_into_classes


def classes_of(roots: Sequence[DataRoot], options: SimpleNamespace) -> DifficultyTable:
    """Return the table of a set, made where there is none; sub-images are ranked over all roots together.

    Equal scores are ranked by key, those of several roots by root first.

    Args:
        roots: Its LMDBs.
        options: ``scale``, ``gt_size``, ``num_classes`` and ``imbalance_factor``.

    Raises:
        DataError: See :func:`bsr_plugins.data.difficulty.difficulty_table.open_difficulty_table`.
        OptionError: No such classes can be made of that many sub-images, or they are smaller than ``gt_size``.
    """

    def rank(mse: np.ndarray, ties: np.ndarray) -> ClassAssignment:
        counts = class_counts(len(mse), options.num_classes, options.imbalance_factor)
        return rank_into_classes(ties, mse, counts)

    policy = Policy(options.scale, options.num_classes, float(options.imbalance_factor))
    return open_difficulty_table(roots, policy, options.gt_size, rank, _check_maps)


def _check_maps(root: DataRoot) -> None:
    if root.saliency is not None:
        SaliencyMaps(root.saliency, root.lq).check_lmdb_keys()
