"""Numbered draws: the same whichever worker makes them, from any number on, with the global generators untouched."""

from __future__ import annotations

import random
from typing import List

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from bsr_plugins.data.sampling.draw_loader import KeyedDraws, KeyedPasses, draw_loader
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


@pytest.mark.parametrize('num_ranks', [1, 3])
def test_a_pass_takes_every_sample_once_parted_among_the_ranks(num_ranks: int) -> None:
    def indices(*key: int, count: int = 120) -> List[int]:
        ranks = [KeyedPasses(NoisyDataset(), *key, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)]
        return [int(ranks[number % num_ranks][number // num_ranks][0]) for number in range(count)]

    taken = indices(5, 2, 1)
    assert [sorted(taken[:50]), sorted(taken[50:100])] == [list(range(50))] * 2
    assert taken[:50] != taken[50:100]  # the set starts over with another permutation
    assert taken == indices(5, 2, 1)
    assert taken[:50] not in (indices(6, 2, 1, count=50), indices(5, 2, 2, count=50))


@pytest.mark.parametrize('num_workers', [0, 2])
def test_crops_of_a_pass_are_keyed_by_their_number(num_workers: int) -> None:
    def rows_of_pass(*key: int, workers: int = 0) -> torch.Tensor:
        dataset = KeyedPasses(NoisyDataset(), *key)
        return torch.cat(list(draw_loader(dataset, first=0, batches=30, batch_size=4, num_workers=workers)))

    found = rows_of_pass(5, 2, 1, workers=num_workers)
    assert torch.equal(found, rows_of_pass(5, 2, 1))
    assert len(torch.unique(found[:, 1])) == 120  # the second pass has other crops
    assert not torch.isin(found[:, 3], rows_of_pass(5, 2, 2)[:, 3]).any()


@pytest.mark.parametrize('num_ranks', [1, 2, 7])
def test_a_numbered_data_set_is_asked_for_one_of_its_own_passes_far_off(num_ranks: int) -> None:
    first = {}
    for key in (1, 2):
        ranks = [KeyedPasses(NumberedDataset(), 5, key, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)]
        numbers = [[each[number] for number in range(20)] for each in ranks]
        first[key] = numbers[0][0]
        assert numbers == [list(range(first[key], first[key] + 20))] * num_ranks
        assert first[key] % 50 == 0 and 2**32 * 50 <= first[key] < 2**62
    assert abs(first[1] - first[2]) > 10**6


class BatchDataset(NumberedDataset):
    """A sample says which numbers its batch was asked by."""

    def __getitems__(self, numbers: List[int]) -> List[torch.Tensor]:
        return [torch.tensor([number, *sorted(numbers)]) for number in numbers]


def test_a_data_set_that_makes_batches_by_number_is_asked_for_whole_ones() -> None:
    dataset = KeyedPasses(BatchDataset(), 5, 1)
    numbers = [KeyedPasses(NumberedDataset(), 5, 1)[number] for number in range(8)]
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
    passes = draw_loader(KeyedPasses(StockBatches(), 5, 1), first=0, batches=2, batch_size=4, num_workers=0)
    assert len(torch.cat(list(passes))) == 8
