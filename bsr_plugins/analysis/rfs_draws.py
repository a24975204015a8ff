"""Balanced batches as training draws them, beside what plain random crops would be: a look at BSR's sampling."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple

import numpy as np

from bsr_plugins.analysis.rfs_figures import DrawnPatch, IntervalTable
from bsr_plugins.common.errors import OptionError

DATASET = 'RFSBalancedBatchDataset'

# How the network sees the pixels; the patches are looked at as they are.
_NOT_WANTED = ('mean', 'std', 'color', 'uint8')


class Draws(NamedTuple):
    """The ``table`` of all draws and the patches of the first batch."""

    table: IntervalTable
    batch: List[DrawnPatch]


def dataset_options(options: Mapping[str, Any], where: str) -> Dict[str, Any]:
    """Return the training set's options of a whole option file, with the scale that BasicSR puts into them.

    Raises:
        OptionError: There is no training set, or it is of another type.
    """
    train = (options.get('datasets') or {}).get('train') or {}
    if train.get('type') != DATASET:
        raise OptionError(
            f'The training set is no {DATASET}',
            where=f'{where}: datasets.train.type',
            expected=DATASET,
            found=repr(train.get('type')),
            remedy='name an option file of random filter sampling, or give --gt, --lq and --scale',
        )
    return {'scale': options.get('scale'), 'phase': 'train', **train}


def draw_patches(opt: Mapping[str, Any], count: int, seed: int = 0) -> Draws:
    """Draw at least ``count`` patches in balanced batches, those that ``manual_seed: seed`` gives on the first rank.

    Only the images of the first batch are read; of the others the data set tells which interval each patch is from.
    What plain random crops (a uniform image, a uniform position) would be is not drawn but known: the mean over the
    images of the share of their positions in each interval.

    Args:
        opt: Options of the data set (:func:`dataset_options`); ``mean``, ``std``, ``color`` and ``uint8`` are left out.
        count: How many patches; they come in whole batches of ``batch_size_per_gpu``, 16 where it is not given.
        seed: What the draws depend on.

    Raises:
        OptionError: ``count`` is below 1, or an option of the data set is wrong.
        DataError: The images are missing, damaged, too small or do not pair.
    """
    import torch
    from tqdm import tqdm

    from bsr_plugins.data.rfs_balanced_batch_dataset import RFSBalancedBatchDataset
    from bsr_plugins.runs.random_states import preserved_random_states

    if count < 1:
        raise OptionError('At least one patch is to be drawn', where='--patches', expected='>= 1', found=count)
    opt = {name: value for name, value in opt.items() if name not in _NOT_WANTED}
    with preserved_random_states():
        torch.manual_seed(seed)
        dataset = RFSBalancedBatchDataset(opt)
    batch_size = int(opt.get('batch_size_per_gpu') or 16)
    batches = [list(range(start, start + batch_size)) for start in range(0, count, batch_size)]
    picks = [
        pick
        for numbers in tqdm(batches, desc='drawing', unit='batch', mininterval=0.5)
        for pick in dataset.draw(numbers)
    ]
    wanted, drawn = np.array([(pick.wanted, pick.interval) for pick in picks]).T

    def per_interval(intervals: np.ndarray) -> np.ndarray:
        return np.bincount(intervals, minlength=dataset.num_intervals)

    table = IntervalTable(
        dataset.interval_edges_,
        dataset.image_fractions_.mean(axis=0, dtype=np.float64),
        per_interval(drawn) / len(picks),
        per_interval(wanted),
        per_interval(wanted[wanted != drawn]),
    )
    return Draws(table, [_patch(sample) for sample in dataset.__getitems__(batches[0])])


def _patch(sample: Mapping[str, Any]) -> DrawnPatch:
    image = sample['lq'].mul(255).round().byte().permute(1, 2, 0).numpy()
    return DrawnPatch(image, float(sample['pic']), int(sample['interval_index']))
