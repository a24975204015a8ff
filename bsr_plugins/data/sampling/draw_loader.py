"""The pack's own loaders beside BasicSR's: batches of numbered draws, from any draw number on."""

from __future__ import annotations

from typing import Any, Iterator, List, Protocol, Sequence

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from bsr_plugins.common.keyed_random import keyed_generator
from bsr_plugins.data.sampling.passes import Passes
from bsr_plugins.runs.random_states import seeded_random_states

# No training gets to a pass of this number; numbers of draws stay below 2^63 with any set that fits a disk.
_FAR = 2**32
# Tells a pass's order from the crops in it.
_ORDER = 7


class MapDataset(Protocol):
    """A data set that knows its length, as BasicSR's do."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


class KeyedDraws(Dataset):
    """A data set as a function of draw numbers: item ``n`` is a uniformly drawn sample, its crop keyed by ``n``.

    Args:
        dataset: A BasicSR data set; its own random draws (Python, numpy, torch) are seeded for each item.
        key: What the draws depend on besides their number, such as (manual_seed + rank, round).
    """

    draws_by_number = True

    def __init__(self, dataset: MapDataset, *key: int) -> None:
        self.dataset = dataset
        self.key = key

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, number: int) -> Any:
        index = int(keyed_generator(*self.key, number).integers(len(self.dataset)))
        with seeded_random_states(*self.key, number):
            return self.dataset[index]


class KeyedPasses(Dataset):
    """A data set passed through without replacement: one permutation after the other, parted among the ranks.

    Item ``n`` of rank r of R is sample ``n R + r`` of all. Each run of ``len(dataset)`` of these takes every item once,
    in an order of its own; the ranks' parts of it are disjoint. A data set that draws by number itself (RFS,
    SamplingAug, ...) is asked for consecutive numbers from the beginning of one of its own passes, far beyond those of
    a training.

    Args:
        dataset: A BasicSR data set; its own random draws (Python, numpy, torch) are seeded for each item.
        key: What the draws depend on besides their number, such as (manual_seed, round): the same in all ranks.
        rank: Of this process.
        num_ranks: R.
    """

    draws_by_number = True

    def __init__(self, dataset: MapDataset, *key: int, rank: int = 0, num_ranks: int = 1) -> None:
        self.dataset = dataset
        self.key = key
        self.passes = Passes(len(dataset), *key, _ORDER, rank=rank, num_ranks=num_ranks)
        self._is_numbered = bool(getattr(dataset, 'draws_by_number', False))
        # A multiple of the length is the beginning of a pass, for any number of ranks.
        first_pass = int(keyed_generator(*key).integers(_FAR, 2 * _FAR))
        self._first = first_pass * len(dataset)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, number: int) -> Any:
        if self._is_numbered:
            return self.dataset[self._first + number]
        with seeded_random_states(*self.key, self.passes.place(number) + 1):
            return self.dataset[self.passes.item(number)]

    def __getitems__(self, numbers: Sequence[int]) -> List[Any]:
        """Return the batch of these draws; a data set that makes whole batches by number makes this one."""
        items = getattr(type(self.dataset), '__getitems__', None)
        if items is None or not self._is_numbered:
            return [self[number] for number in numbers]
        return items(self.dataset, [self._first + number for number in numbers])


class DrawSampler(Sampler):
    """The ``count`` draw numbers ``first, first + 1, ...`` in their order."""

    def __init__(self, first: int, count: int) -> None:
        self.first = first
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.first + self.count))


def draw_loader(
    dataset: Dataset, *, first: int, batches: int, batch_size: int, num_workers: int, pin_memory: bool = False
) -> DataLoader:
    """Return a loader of ``batches`` batches of the draws from number ``first`` on.

    It takes nothing from torch's global generator (a loader iterator usually takes a seed from it), so that making one
    in the midst of a run leaves every other random draw as it was.
    """
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=DrawSampler(first, batches * batch_size),
        num_workers=num_workers,
        pin_memory=pin_memory,
        drop_last=True,
        generator=torch.Generator().manual_seed(first % 2**32),
    )
