"""First starts of data sets that compute something of all images, and later ones, at the size of LSDIR."""

from __future__ import annotations

import importlib
import os
import shutil
import time
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
from benches.training_sets import row, train_options, workplace, write_images

LSDIR = 85_000


def first_start_rows(bench: str, kind: str, gt_size: int, quick: bool) -> List[Dict[str, Any]]:
    """Minutes of a first start of ``kind`` over 85,000 images of 2K, extrapolated, and seconds of a later one.

    The first: what each further image takes, of few images computed by all processors. The later one: over made-up
    files with a result of 5 kB each, all of whose names and times of change are compared, and whose checksum is.
    """
    few, many = (4, 8) if quick else (8, 40)
    minutes: List[float] = []
    with workplace() as root:
        for count in (few, many):
            write_images(root / str(count), count, distinct=4)
        for _ in range(1 if quick else 3):
            seconds = [_build_seconds(root, count, kind, gt_size) for count in (few, many)]
            minutes.append(LSDIR * (seconds[1] - seconds[0]) / (many - few) / 60)
        case = f'first start at {LSDIR} 2K images, minutes on {os.cpu_count()} processors, from {few} and {many}'
        count = LSDIR // 20 if quick else LSDIR
        return [
            row(bench, case, minutes, None),
            row(bench, f'later start at {count} images, process seconds', _later_starts(root, count), '<= 2'),
        ]


def _build_seconds(root: Path, count: int, kind: str, gt_size: int) -> float:
    from bsr_plugins.data.preparation import COMPUTING, prepare

    shutil.rmtree(root / 'cache', ignore_errors=True)
    images = {
        'dataroot_gt': str(root / str(count) / 'hr'),
        'dataroot_lq': str(root / str(count) / 'lr'),
        'filename_tmpl': '{}x4',
        'io_backend': {'type': 'disk'},
    }
    importlib.import_module(COMPUTING[kind])
    start = time.perf_counter()
    prepare(train_options(images, kind, gt_size), progress=False)
    return time.perf_counter() - start


def _later_starts(root: Path, count: int) -> List[float]:
    from bsr_plugins.data.images.result_cache import ImageResults
    from bsr_plugins.data.images.stored_images import StoredImage

    (root / 'made_up').mkdir()
    paths = [root / 'made_up' / f'{number:06d}.png' for number in range(2 * count)]
    for path in paths:
        path.touch()
    images = [(StoredImage(str(lq)), StoredImage(str(gt))) for lq, gt in zip(paths[::2], paths[1::2])]
    result = np.zeros(1250, np.int32)
    seconds = []
    for number in range(4):
        start = time.process_time()
        ImageResults('made_up', {}, images, lambda index: result).get()
        if number:
            seconds.append(time.process_time() - start)
    return seconds
