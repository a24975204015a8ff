"""What the data sets of an option file compute at their first start, computed before: whole or in shards."""

from __future__ import annotations

import importlib
import os
import time
from typing import Any, Dict, Iterable, List, Mapping, Optional

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.naming import plain_name
from bsr_plugins.common.shard import Shard
from bsr_plugins.data.dataset_options import INVERSE_SAMPLED
from bsr_plugins.data.images.data_roots import ROOT_KEYS, data_roots, paths_of
from bsr_plugins.data.images.result_cache import FOLDER_VARIABLE, Prepared
from bsr_plugins.data.images.shared_options import read_dataset_options

#: The data sets that compute something of their images, and where they are. Such a class has
#: ``computed_at_start(opt)``, which yields what has a ``prepare(shard, progress)``, in the order of its computation.
COMPUTING = {
    'RFSBalancedBatchDataset': 'bsr_plugins.data.rfs_balanced_batch_dataset',
    'SamplingAugDataset': 'bsr_plugins.data.sampling_aug_dataset',
}


def prepare(opt: Mapping[str, Any], shard: Optional[Shard] = None, progress: bool = True) -> List[Prepared]:
    """Compute what a data set computes at its first start, and return what there is of it now.

    Args:
        opt: Options of the data set, with ``scale`` and ``phase``, which BasicSR adds.
        shard: Compute this part alone; what is needed before anything can be divided is computed whole.
        progress: Show bars on stderr.

    Raises:
        OptionError: An option is unknown, missing or out of range.
        DataError: An image cannot be used, or another process makes the same shard.
        OSError: What is computed cannot be written.
    """
    name = plain_name(opt.get('type'))
    if name == INVERSE_SAMPLED.name:
        return _prepared_table(opt)
    if name not in COMPUTING:
        return []
    dataset = getattr(importlib.import_module(COMPUTING[name]), name)
    return [each.prepare(shard, progress) for each in dataset.computed_at_start(opt)]


def _prepared_table(opt: Mapping[str, Any]) -> List[Prepared]:
    """Make the table of difficulty classes, which takes seconds: whole, by each shard that finds none."""
    from bsr_plugins.data.sampling.classes_of_set import classes_of

    given = read_dataset_options(opt, INVERSE_SAMPLED)
    before = time.time()
    table = classes_of(data_roots(given), given)
    if table.path is None:
        raise DataError(
            'The table of difficulty classes can be written neither beside the difficulty file nor into the cache',
            where=given.dataroot_gt,
            remedy=f'set {FOLDER_VARIABLE} to a folder that can be written',
        )
    made = len(table) if os.stat(table.path).st_mtime >= before - 1 else 0
    return [Prepared('table of difficulty classes', table.path, len(table), made, [], 'sub-image')]


def as_built(dataset: Mapping[str, Any], phase: str, scale: Any) -> Dict[str, Any]:
    """Return a data set's section as BasicSR hands it to the class: with phase, scale, and ``~`` in paths resolved."""
    opt = {**dataset, 'phase': phase.split('_')[0]}
    if scale is not None:
        opt.setdefault('scale', scale)
    for key in ROOT_KEYS:
        value = opt.get(key)
        if isinstance(value, (str, os.PathLike)):
            opt[key] = os.path.expanduser(value)
        elif isinstance(value, Iterable):
            opt[key] = [os.path.expanduser(path) for path in paths_of(value)]
    return opt
