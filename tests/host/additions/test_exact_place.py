"""The patched sampler: stock order for stock data sets, draw numbers for ours, and a resumed epoch that goes on."""

from __future__ import annotations

import types
from typing import Any, List

import pytest
import torch
from basicsr.data.data_sampler import EnlargedSampler
from torch.utils.data import DataLoader, Dataset

from bsr_plugins.host.additions.exact_place import keep_exact_place
from bsr_plugins.runs import training_position
from bsr_plugins.runs.random_states import capture_random_states


class Stock(Dataset):
    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Any:
        return index, torch.rand(())


class Numbered(Stock):
    draws_by_number = True
    epochs: List[int] = []

    def on_epoch_start(self, epoch: int) -> None:
        self.epochs.append(epoch)


@pytest.fixture(autouse=True)
def fresh_position() -> Any:
    training_position.reset()
    yield
    training_position.reset()


def upstream_order(size: int, epoch: int, rank: int, replicas: int) -> List[int]:
    generator = torch.Generator()
    generator.manual_seed(epoch)
    total = -(-size // replicas) * replicas
    return [v % size for v in torch.randperm(total, generator=generator).tolist()][rank:total:replicas]


@pytest.mark.parametrize('rank, replicas, epoch', [(0, 1, 0), (0, 1, 3), (1, 3, 2)])
def test_stock_data_sets_keep_upstreams_order(rank: int, replicas: int, epoch: int) -> None:
    sampler = EnlargedSampler(Stock(), replicas, rank)
    sampler.set_epoch(epoch)
    assert list(sampler) == upstream_order(10, epoch, rank, replicas)


def test_numbered_data_sets_never_get_a_number_twice() -> None:
    sampler = EnlargedSampler(Numbered(), 1, 0, ratio=3)
    seen: List[int] = []
    for epoch in range(4):
        sampler.set_epoch(epoch)
        seen += list(sampler)
    assert seen == list(range(120))


def test_data_set_is_told_of_the_epoch() -> None:
    Numbered.epochs.clear()
    EnlargedSampler(Numbered(), 1, 0).set_epoch(7)
    assert Numbered.epochs == [7]


@pytest.mark.parametrize('dataset', [Stock(), Numbered()])
def test_a_resumed_epoch_leaves_out_what_was_consumed(dataset: Dataset) -> None:
    sampler = EnlargedSampler(dataset, 1, 0)
    sampler.set_epoch(2)
    whole = list(sampler)
    training_position.resume_at(2, 4)
    sampler.set_epoch(2)
    assert list(sampler) == whole[4:]
    assert list(sampler) == whole[4:], 'a prefetcher that opens the loader twice must see the same'
    assert training_position.position.samples == 4
    sampler.set_epoch(3)
    assert len(list(sampler)) == 10
    assert training_position.position.samples == 0
    sampler.set_epoch(2)
    assert list(sampler) == whole


@pytest.mark.parametrize('first', [2, 3, 0, 7])
def test_whatever_a_script_calls_the_resumed_epoch_it_goes_on(first: int) -> None:
    """HiT-SR counts one more before it begins: its resumes were dropped without a word."""
    sampler = EnlargedSampler(Numbered(), 1, 0)
    epochs = []
    for epoch in (2, 3, 4):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    sampler = EnlargedSampler(Numbered(), 1, 0)
    resumption = training_position.resume_at(2, 4)
    sampler.set_epoch(first)
    assert not resumption.is_taken_up
    found = [list(sampler)]
    assert resumption.is_taken_up and training_position.position.epoch == 2
    for epoch in (first + 1, first + 2):
        sampler.set_epoch(epoch)
        found.append(list(sampler))
    assert found == [epochs[0][4:], *epochs[1:]]


def test_a_new_run_in_the_process_has_nothing_of_the_last_one() -> None:
    training_position.resume_at(2, 4)
    EnlargedSampler(Stock(), 1, 0).set_epoch(2)
    sampler = EnlargedSampler(Stock(), 1, 0)
    sampler.set_epoch(0)
    assert list(sampler) == upstream_order(10, 0, 0, 1)


def test_random_states_come_back_behind_the_seed_of_the_loader() -> None:
    sampler = EnlargedSampler(Stock(), 1, 0)
    loader = DataLoader(Stock(), batch_size=2, sampler=sampler)
    torch.manual_seed(0)
    sampler.set_epoch(1)
    batches = iter(loader)
    next(batches), next(batches)
    states = capture_random_states()
    expected = [(index.tolist(), noise.tolist()) for index, noise in batches]
    torch.manual_seed(99)
    training_position.resume_at(1, 4, states)
    sampler.set_epoch(1)
    assert [(index.tolist(), noise.tolist()) for index, noise in loader] == expected


def test_patching_twice_does_nothing() -> None:
    assert keep_exact_place(types.SimpleNamespace(EnlargedSampler=EnlargedSampler)) is False
