"""What sets of many images take before training: hours of one processor, extrapolated from a few images of 2K."""

from __future__ import annotations

import importlib
import shutil
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import numpy as np
from benches.training_sets import SCALE, row, train_options, workplace, write_images

#: Images of the training sets; all are taken to be of the size measured.
SETS = {'DIV2K': 800, 'DF2K': 3450, 'LSDIR': 84991}


def bench_scale(quick: bool) -> Iterator[Dict[str, Any]]:
    """Processor seconds of an image of 2040x1356 at x4: making, scoring, first starts. Hours by size of the set.

    What a run costs however few images there are is left out: it is the difference between many images and few.
    """
    few, many = (1, 3) if quick else (4, 20)
    with workplace() as root:
        for count in (few, many):
            write_images(root / str(count), count, distinct=8)
        for name, work in _works(root).items():
            seconds: List[float] = []
            for number in range(1 if quick else 3):
                took = []
                for count in (few, many):
                    start = time.process_time()
                    work(root / str(count), root / f'{name.replace(" ", "_")}_{count}_{number}')
                    took.append(time.process_time() - start)
                seconds.append((took[1] - took[0]) / (many - few))
            median = float(np.median(seconds))
            hours = {f'{each}_hours': median * images / 3600 for each, images in SETS.items()}
            yield {**row('scale', f'{name}, processor seconds an image', seconds, None), **hours}


def _works(root: Path) -> Dict[str, Callable[[Path, Path], None]]:
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.difficulty.scoring import score_difficulty
    from bsr_plugins.data.preparation import COMPUTING, prepare
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    made: Dict[Path, Any] = {}

    def making(layout: str, grid: WindowGrid, encoding: str) -> Callable[[Path, Path], None]:
        def work(images: Path, out: Path) -> None:
            made[images] = create_subimage_lmdbs(
                images / 'hr', out, SCALE, images / 'lr', grid, encoding=encoding, progress=False, layout=layout
            )

        return work

    def scoring(images: Path, out: Path) -> None:
        difficulty = out.with_suffix('.txt')
        score_difficulty(made[images].hr, made[images].lr, SCALE, bicubic_scorer(SCALE), out=difficulty, progress=False)

    def first_start(kind: str, gt_size: int) -> Callable[[Path, Path], None]:
        def work(images: Path, out: Path) -> None:
            importlib.import_module(COMPUTING[kind])
            given = {
                'dataroot_gt': str(images / 'hr'),
                'dataroot_lq': str(images / 'lr'),
                'filename_tmpl': f'{{}}x{SCALE}',
                'io_backend': {'type': 'disk'},
            }
            shutil.rmtree(root / 'cache', ignore_errors=True)
            prepare(train_options(given, kind, gt_size), progress=False)

        return work

    windows = WindowGrid(128, 64, 48)
    return {
        'LMDB 480 bmp': making('lmdb', WindowGrid(480, 240, 0), 'bmp'),
        'LMDB 128 png-fast': making('lmdb', windows, 'png-fast'),
        'scoring by bicubic from that LMDB': scoring,
        'store': making('images', windows, 'png-fast'),
        'scoring by bicubic from the store': scoring,
        'first start of RFS': first_start('RFSBalancedBatchDataset', 192),
        'first start of SamplingAug': first_start('SamplingAugDataset', 192),
    }
