"""Samples that a method will not train on are not decoded: placeholders stand in for them in the outer loader.

BasicSR's loop fetches a batch for every iteration. During an inverse stage of BSPA it is dropped; decoding it all the
same would take as long as a training batch does.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Sequence

import torch

from bsr_plugins.common.errors import DataError

#: Key of a sample that holds no image.
MARK = 'dropped_by_bsr_plugins'


class DroppedIndex(int):
    """The index of a sample that is to be dropped; to a data set that knows nothing of it, an ordinary index."""


def marked_where_dropped(
    indices: Sequence[int], batch_size: int, is_dropped: Callable[[int], bool], first: int = 0
) -> Iterator[int]:
    """Yield the indices of an epoch, those of batches that will be dropped as :class:`DroppedIndex`.

    A batch is asked for when its turn comes, so that an epoch of any length begins at once.

    Args:
        indices: Of the whole epoch.
        batch_size: Samples in a batch.
        is_dropped: Tells it of a batch, from 0.
        first: The place in the epoch to begin at.
    """
    while first < len(indices):
        batch = first // batch_size
        part = indices[first : (batch + 1) * batch_size]
        yield from map(DroppedIndex, part) if is_dropped(batch) else part
        first += len(part)


class ItemsUnlessDropped:
    """``__getitems__`` for a data set: its own items, or placeholders where all of a batch is to be dropped.

    Set on the data set itself, so it travels into workers, forked or spawned. torch < 1.13 does not call it; the
    samples are decoded then, and the batch is dropped all the same.

    Args:
        dataset: The data set whose items are fetched, by its own ``__getitems__`` where its class has one.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __call__(self, indices: Sequence[int]) -> List[Dict[str, Any]]:
        if indices and all(isinstance(index, DroppedIndex) for index in indices):
            return [{'lq': torch.zeros(1), MARK: True} for _ in indices]
        items = getattr(type(self.dataset), '__getitems__', None)
        return items(self.dataset, indices) if items else [self.dataset[index] for index in indices]


def skip_dropped(dataset: Any) -> None:
    """Let ``dataset`` answer dropped indices with placeholders; idempotent."""
    if not isinstance(getattr(dataset, '__getitems__', None), ItemsUnlessDropped):
        dataset.__getitems__ = ItemsUnlessDropped(dataset)


def check_not_dropped(batch: Dict[str, Any], iteration: int) -> None:
    """Raise where a batch of placeholders would be trained on.

    Raises:
        DataError: Sampler and model disagree on what ``iteration`` trains on.
    """
    if MARK in batch:
        raise DataError(
            f'iteration {iteration} would train on a batch that was planned to be dropped',
            expected='the stage that was planned when the epoch began',
            found='placeholders without images',
            remedy='this is a fault of the pack: please report it with the option file',
        )
