"""What the processes of a distributed run have in common: values of all of them, and the sizes of their loaders."""

from __future__ import annotations

from typing import Any, List, Mapping, Tuple

import torch


def gathered(value: Any, opt: Mapping[str, Any]) -> List[Any]:
    """Return ``value`` of every process, in the order of the ranks; every process has to ask.

    Args:
        value: What can be pickled.
        opt: BasicSR's options: ``dist`` and ``world_size`` are read.
    """
    if not opt['dist']:
        return [value]
    values: List[Any] = [None] * opt['world_size']
    torch.distributed.all_gather_object(values, value)
    return values


def loader_sizes(dataset: Mapping[str, Any], opt: Mapping[str, Any]) -> Tuple[int, int]:
    """Return batch size and workers of one process, as BasicSR's ``build_dataloader`` multiplies them.

    Args:
        dataset: The options of a training set.
        opt: BasicSR's options: ``dist`` and ``num_gpu`` are read.
    """
    multiplier = 1 if opt['dist'] else max(1, opt['num_gpu'])
    return dataset['batch_size_per_gpu'] * multiplier, dataset['num_worker_per_gpu'] * multiplier
