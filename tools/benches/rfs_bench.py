"""Random filter sampling against stock's random crops through BasicSR's loader, and how long it takes to start."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any, Dict, List

from benches.first_starts import first_start_rows
from benches.training_sets import rate_rows, row, train_options, workplace, write_images

KIND = 'RFSBalancedBatchDataset'
GT_SIZE = 240
IMAGES = 800


def bench_rfs(quick: bool) -> List[Dict[str, Any]]:
    """Samples a second over PairedImageDataset's, and the seconds of a start over 800 images of 2K."""
    return [
        *rate_rows('rfs', KIND, GT_SIZE, '>= 0.85x', quick),
        _start_up(quick),
        *first_start_rows('rfs', KIND, GT_SIZE, quick),
    ]


def _start_up(quick: bool) -> Dict[str, Any]:
    """Build the data set of few and of many images with nothing cached; the difference is the time an image takes.

    The 10,000 patches that pic_max is estimated from are the same number at any size of the set.
    """
    few, many = (8, 40) if quick else (16, 144)
    estimates: List[float] = []
    with workplace() as root:
        for count in (few, many):
            write_images(root / str(count), count, distinct=4)
        for _ in range(1 if quick else 5):
            seconds = [_build_seconds(root, count) for count in (few, many)]
            estimates.append(seconds[1] + (IMAGES - many) * (seconds[1] - seconds[0]) / (many - few))
    return row('rfs', f'start-up of {IMAGES} 2K images, seconds, from {few} and {many}', estimates, '< 10 s')


def _build_seconds(root: Path, count: int) -> float:
    import torch

    from bsr_plugins.data.rfs_balanced_batch_dataset import RFSBalancedBatchDataset

    shutil.rmtree(root / 'cache', ignore_errors=True)
    torch.manual_seed(0)
    images = {
        'dataroot_gt': str(root / str(count) / 'hr'),
        'dataroot_lq': str(root / str(count) / 'lr'),
        'filename_tmpl': '{}x4',
        'io_backend': {'type': 'disk'},
    }
    start = time.perf_counter()
    RFSBalancedBatchDataset(train_options(images, KIND, GT_SIZE))
    return time.perf_counter() - start
