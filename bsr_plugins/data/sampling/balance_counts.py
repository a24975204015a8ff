"""How often a balanced batch got the interval it asked for: counted in all worker processes, logged by the training."""

from __future__ import annotations

from typing import Iterable, List, Sequence

import numpy as np
import torch

# A row for the training process and one for each worker, so that no two write the same; more workers share rows.
_ROWS = 65


class BalanceCounts:
    """Patches asked of each interval, and those of them that came from another one.

    The counts lie in memory that forked and spawned workers share; they never take part in a draw.

    Args:
        num_intervals: p.
    """

    def __init__(self, num_intervals: int) -> None:
        self._counts = torch.zeros(_ROWS, 2, num_intervals, dtype=torch.int64).share_memory_()

    def add(self, wanted: Sequence[int], replaced: Sequence[int]) -> None:
        """Count patches by the interval asked for; ``replaced`` of them came from another one."""
        worker = torch.utils.data.get_worker_info()
        row = 0 if worker is None else 1 + worker.id % (_ROWS - 1)
        columns = [
            np.bincount(np.asarray(intervals, np.int64), minlength=self._counts.shape[2])
            for intervals in (wanted, replaced)
        ]
        self._counts[row] += torch.from_numpy(np.stack(columns))

    @property
    def asked(self) -> np.ndarray:
        """(p,) int64: patches asked of each interval so far, prefetched ones among them."""
        return self._counts[:, 0].sum(0).numpy()

    @property
    def replaced(self) -> np.ndarray:
        """(p,) int64: those of them that came from another interval."""
        return self._counts[:, 1].sum(0).numpy()

    @property
    def replaced_share(self) -> float:
        """Share of all patches that came from another interval; 0 before the first."""
        asked = int(self.asked.sum())
        return int(self.replaced.sum()) / asked if asked else 0.0

    def sentence(self) -> str:
        """Return one line: how many patches, and the share of another interval, whole and by interval."""
        asked, replaced = self.asked, self.replaced
        shares = [f'{interval}: {replaced[interval] / asked[interval]:.1%}' for interval in np.flatnonzero(replaced)]
        by_interval = f' ({", ".join(shares)})' if shares else ''
        return (
            f'RFS: {int(asked.sum()):,} patches so far, {self.replaced_share:.2%} of them from another interval '
            f'than asked for{by_interval}'
        )


def interval_ranges(intervals: Iterable[int]) -> str:
    """Return interval numbers as text, runs of them joined: ``3, 12-15``."""
    runs: List[List[int]] = []
    for interval in intervals:
        if runs and runs[-1][1] == interval - 1:
            runs[-1][1] = int(interval)
        else:
            runs.append([int(interval), int(interval)])
    return ', '.join(str(first) if first == last else f'{first}-{last}' for first, last in runs)
