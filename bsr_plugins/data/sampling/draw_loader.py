"""The pack's own loaders beside BasicSR's: batches of numbered draws, from any draw number on."""

from __future__ import annotations

from typing import Any, Iterator, List, Protocol, Sequence

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from bsr_plugins.common.keyed_random import keyed_generator
from bsr_plugins.runs.random_states import seeded_random_states


class MapDataset(Protocol):
    """A data set that knows its length, as BasicSR's do."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


class KeyedDraws(Dataset):
    """Any data set as a function of draw numbers: item ``n`` is a uniformly drawn sample, its crop keyed by ``n``.

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
        if getattr(self.dataset, 'draws_by_number', False):
            return self.dataset[self._number_in_own_stream(number)]
        index = int(keyed_generator(*self.key, number).integers(len(self.dataset)))
        with seeded_random_states(*self.key, number):
            return self.dataset[index]

    def __getitems__(self, numbers: Sequence[int]) -> List[Any]:
        """Return the batch of these draws; a data set that makes whole batches by number makes this one."""
        items = getattr(type(self.dataset), '__getitems__', None)
        if items is None or not getattr(self.dataset, 'draws_by_number', False):
            return [self[number] for number in numbers]
        return items(self.dataset, [self._number_in_own_stream(number) for number in numbers])

    def _number_in_own_stream(self, number: int) -> int:
        # Such a data set keys its draws by their number alone: another stream of numbers is another key.
        return int(keyed_generator(*self.key, number).integers(2**62))


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
