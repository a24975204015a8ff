"""Numbered draws: the same whichever worker makes them, from any number on, with the global generators untouched."""

from __future__ import annotations

import random
from typing import List

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from bsr_plugins.data.sampling.draw_loader import KeyedDraws, draw_loader
from bsr_plugins.runs.random_states import capture_random_states


class NoisyDataset(Dataset):
    """Its item depends on the index and on all three global generators, as stock data sets with crops do."""

    def __len__(self) -> int:
        return 50

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([index, random.random(), np.random.rand(), torch.rand(()).item()], dtype=torch.float64)


class NumberedDataset(NoisyDataset):
    draws_by_number = True

    def __getitem__(self, number: int) -> int:
        return number


def rows(num_workers: int, first: int = 0, batches: int = 6, key: int = 1) -> torch.Tensor:
    loader = draw_loader(
        KeyedDraws(NoisyDataset(), 5, key), first=first, batches=batches, batch_size=4, num_workers=num_workers
    )
    return torch.cat(list(loader))


@pytest.mark.parametrize('num_workers', [1, 2])
def test_workers_make_no_difference(num_workers: int) -> None:
    assert torch.equal(rows(0), rows(num_workers))


def test_a_later_start_goes_on_as_the_earlier_one() -> None:
    assert torch.equal(rows(0)[8:], rows(0, first=8, batches=4))


def test_another_key_draws_otherwise() -> None:
    assert not torch.equal(rows(0), rows(0, key=2))


def test_indices_are_spread_over_the_data_set() -> None:
    indices = rows(0, batches=100)[:, 0].tolist()
    assert len(set(indices)) == 50


def test_global_generators_are_left_alone() -> None:
    before = capture_random_states()
    rows(0)
    after = capture_random_states()
    assert before['python'] == after['python']
    assert torch.equal(before['torch'], after['torch'])
    assert torch.equal(before['numpy'][1], after['numpy'][1]) and before['numpy'][2] == after['numpy'][2]


def test_a_numbered_data_set_gets_other_numbers_under_another_key() -> None:
    def numbers(key: int) -> List[int]:
        return [KeyedDraws(NumberedDataset(), 5, key)[i] for i in range(20)]

    assert numbers(1) == numbers(1)
    assert not set(numbers(1)) & set(numbers(2))
    assert min(numbers(1)) >= 0


class BatchDataset(NumberedDataset):
    """A sample says which numbers its batch was asked by."""

    def __getitems__(self, numbers: List[int]) -> List[torch.Tensor]:
        return [torch.tensor([number, *sorted(numbers)]) for number in numbers]


def test_a_data_set_that_makes_batches_by_number_is_asked_for_whole_ones() -> None:
    dataset = KeyedDraws(BatchDataset(), 5, 1)
    numbers = [KeyedDraws(NumberedDataset(), 5, 1)[number] for number in range(8)]
    for num_workers in (0, 1):
        first, second = draw_loader(dataset, first=0, batches=2, batch_size=4, num_workers=num_workers)
        assert first.tolist() == [[number, *sorted(numbers[:4])] for number in numbers[:4]]
        assert second.tolist() == [[number, *sorted(numbers[4:])] for number in numbers[4:]]


class StockBatches(NoisyDataset):
    """Not drawn by number: each of its items is to be seeded by itself."""

    def __getitems__(self, indices: List[int]) -> List[torch.Tensor]:
        raise AssertionError('asked for a batch')


def test_other_data_sets_are_asked_for_single_items() -> None:
    loader = draw_loader(KeyedDraws(StockBatches(), 5, 1), first=0, batches=6, batch_size=4, num_workers=0)
    assert torch.equal(torch.cat(list(loader)), rows(0))
