"""Dropped batches: nothing is decoded for them, everything else is as it was."""

from __future__ import annotations

import pickle
from typing import Any, Dict, List

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.sampling.dropped_batches import (
    MARK,
    DroppedIndex,
    check_not_dropped,
    marked_where_dropped,
    skip_dropped,
)


class Images(Dataset):
    """Fails where an image is decoded that should not be."""

    def __init__(self, forbidden: List[int]) -> None:
        self.forbidden = forbidden

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Dict[str, Any]:
        if index in self.forbidden:
            raise RuntimeError(f'decoded {index}')
        return {'lq': torch.full((3, 4, 4), float(index))}


class ImagesInBatches(Images):
    def __getitems__(self, indices: List[int]) -> List[Dict[str, Any]]:
        return [self[index] for index in reversed(indices)]


@pytest.mark.parametrize('num_workers', [0, 1])
def test_dropped_batches_are_not_decoded(num_workers: int) -> None:
    dataset = Images(forbidden=[2, 3])
    skip_dropped(dataset)
    dataset = pickle.loads(pickle.dumps(dataset))  # as into a spawned worker
    indices = [0, 1, DroppedIndex(2), DroppedIndex(3), 4, 5]
    batches = list(DataLoader(dataset, 2, sampler=indices, num_workers=num_workers))
    assert [batch['lq'].shape for batch in batches] == [(2, 3, 4, 4), (2, 1), (2, 3, 4, 4)]
    assert [MARK in batch for batch in batches] == [False, True, False]
    assert batches[2]['lq'][:, 0, 0, 0].tolist() == [4.0, 5.0]


@pytest.mark.parametrize('first', [0, 4, 5, 11, 13])
def test_indices_of_dropped_batches_are_marked_when_their_turn_comes(first: int) -> None:
    asked: List[int] = []
    indices = range(100, 113)
    found = marked_where_dropped(indices, 4, lambda batch: asked.append(batch) or batch % 2 == 1, first)
    assert asked == []
    expected = [(index, place // 4 % 2 == 1) for place, index in enumerate(indices)][first:]
    assert [(int(index), isinstance(index, DroppedIndex)) for index in found] == expected
    assert asked == sorted({place // 4 for place in range(first, 13)})
    assert list(marked_where_dropped(list(indices), 4, lambda batch: False, first)) == list(indices)[first:]


def test_a_batch_only_half_dropped_is_decoded() -> None:
    dataset = Images(forbidden=[])
    skip_dropped(dataset)
    (batch,) = DataLoader(dataset, 2, sampler=[0, DroppedIndex(1)])
    assert batch['lq'][:, 0, 0, 0].tolist() == [0.0, 1.0]


def test_a_data_set_with_items_of_its_own_keeps_them() -> None:
    dataset = ImagesInBatches(forbidden=[2, 3])
    skip_dropped(dataset)
    skip_dropped(dataset)
    batches = list(DataLoader(dataset, 2, sampler=[0, 1, DroppedIndex(2), DroppedIndex(3)]))
    assert batches[0]['lq'][:, 0, 0, 0].tolist() == [1.0, 0.0]
    assert MARK in batches[1]


def test_training_on_placeholders_is_refused() -> None:
    check_not_dropped({'lq': torch.zeros(1)}, 7)
    with pytest.raises(DataError, match='iteration 7 would train on a batch that was planned to be dropped'):
        check_not_dropped({'lq': torch.zeros(2, 1), MARK: torch.tensor([True, True])}, 7)
