"""Counts of balanced draws: added up over processes, logged in one line."""

from __future__ import annotations

import pytest
from torch.utils.data import DataLoader, Dataset

import warm_processes
from bsr_plugins.data.sampling.balance_counts import BalanceCounts, interval_ranges


class Counting(Dataset):
    """Asks for interval ``i % 3``; those of interval 2 come from another one."""

    def __init__(self):
        self.counts = BalanceCounts(3)

    def __len__(self):
        return 12

    def __getitem__(self, index):
        self.counts.add([index % 3], [2] if index % 3 == 2 else [])
        return index


@pytest.mark.parametrize(
    'workers, method, persistent', [(0, None, False), (2, 'fork', False), (2, 'fork', True), (1, 'forkserver', False)]
)
def test_all_processes_are_counted(workers, method, persistent):
    dataset = Counting()
    context = warm_processes.context() if method == 'forkserver' else method
    loader = DataLoader(dataset, 2, num_workers=workers, multiprocessing_context=context, persistent_workers=persistent)
    for epoch in (1, 2):
        list(loader)
        assert dataset.counts.asked.tolist() == [4 * epoch] * 3
        assert dataset.counts.replaced.tolist() == [0, 0, 4 * epoch]
    assert dataset.counts.replaced_share == pytest.approx(1 / 3)


def test_sentence():
    counts = BalanceCounts(4)
    assert counts.replaced_share == 0
    counts.add([0, 1, 2, 3] * 500, [])
    assert counts.sentence() == 'RFS: 2,000 patches so far, 0.00% of them from another interval than asked for'
    counts.add([3] * 500, [3] * 50)
    assert counts.sentence() == (
        'RFS: 2,500 patches so far, 2.00% of them from another interval than asked for (3: 5.0%)'
    )


def test_names_of_intervals():
    assert interval_ranges([3, 12, 13, 14, 15]) == '3, 12-15'
    assert interval_ranges([0]) == '0' and interval_ranges([]) == ''
