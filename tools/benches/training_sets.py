"""What the benches of training sets share: images, LMDBs of large windows, and BasicSR's loader timed in turns."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

import cv2
import numpy as np

SCALE = 4
BATCH = 16
WORKERS = 2
STOCK = 'PairedImageDataset'


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """Yield an empty folder; what the data sets keep of it goes into it too, and BasicSR's log is held back."""
    import bsr_plugins  # noqa: F401
    from basicsr.utils import get_root_logger  # isort: skip

    get_root_logger()
    logger = logging.getLogger('basicsr')
    level, before = logger.level, os.environ.get('BSR_PLUGINS_CACHE')
    with tempfile.TemporaryDirectory() as folder:
        logger.setLevel(logging.ERROR)
        os.environ['BSR_PLUGINS_CACHE'] = f'{folder}/cache'
        try:
            yield Path(folder)
        finally:
            logger.setLevel(level)
            os.environ.pop('BSR_PLUGINS_CACHE')
            if before is not None:
                os.environ['BSR_PLUGINS_CACHE'] = before


def write_images(root: Path, count: int, distinct: int = 8) -> None:
    """Write ``count`` HR images of 2040x1356, mosaics of real images, and LR images of a quarter of the sides.

    From number ``distinct`` on they are links to the first ones: files of their own to all that read them.
    """
    default = Path(__file__).resolve().parents[3] / 'shared' / 'data'
    data = Path(os.environ.get('BSR_DATA', default)) / 'train' / 'HR'
    tiles = [cv2.imread(str(path)) for path in sorted(data.glob('bsds_*.png'))]
    tiles = [tile[:312, :312] for tile in tiles if min(tile.shape[:2]) >= 312]
    if not tiles:
        raise SystemExit(f'no images in {data}: set BSR_DATA')
    for folder in ('hr', 'lr'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        names = root / 'hr' / f'{number:04d}.png', root / 'lr' / f'{number:04d}x{SCALE}.png'
        if number >= distinct:
            for name, source in zip(names, (f'hr/{number % distinct:04d}.png', f'lr/{number % distinct:04d}x4.png')):
                os.link(root / source, name)
            continue
        chosen = [tiles[(number * 35 + place) % len(tiles)] for place in range(35)]
        image = np.vstack([np.hstack(chosen[row * 7 : row * 7 + 7]) for row in range(5)])[:1356, :2040]
        cv2.imwrite(str(names[0]), image)
        cv2.imwrite(str(names[1]), cv2.resize(image, None, fx=1 / SCALE, fy=1 / SCALE, interpolation=cv2.INTER_AREA))


def make_sets(root: Path, quick: bool) -> Dict[str, Dict[str, Any]]:
    """Return options of the images by name of the case: 2K PNG files, LMDBs of windows of 480 as BMP and as PNG."""
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    write_images(root, 32 if quick else 64, distinct=2 if quick else 8)
    sets = {
        '2K PNG on disk': {
            'dataroot_gt': str(root / 'hr'),
            'dataroot_lq': str(root / 'lr'),
            'filename_tmpl': f'{{}}x{SCALE}',
            'io_backend': {'type': 'disk'},
        }
    }
    few = root / 'few'
    write_images(few, 2 if quick else 8)
    for encoding in ('bmp', 'png'):
        made = create_subimage_lmdbs(
            few / 'hr',
            root / encoding,
            SCALE,
            lr=few / 'lr',
            encoding=encoding,
            progress=False,
            grid=WindowGrid(crop=480, step=240, threshold=0),
        )
        sets[f'LMDB of 480 windows, {encoding}'] = {
            'dataroot_gt': str(made.hr),
            'dataroot_lq': str(made.lr),
            'io_backend': {'type': 'lmdb'},
        }
    return sets


def train_options(images: Dict[str, Any], kind: str, gt_size: int, **more: Any) -> Dict[str, Any]:
    """Return the options of a training set of ``kind`` over ``images``."""
    return {
        'name': kind,
        'type': kind,
        'phase': 'train',
        'scale': SCALE,
        'gt_size': gt_size,
        'use_hflip': True,
        'use_rot': True,
        'batch_size_per_gpu': BATCH,
        'num_worker_per_gpu': WORKERS,
        **images,
        **more,
    }


class TimedLoader:
    """One epoch of a training set through BasicSR's loader and sampler, long enough for ``batches`` batches."""

    def __init__(self, options: Dict[str, Any], batches: int, workers: int = WORKERS) -> None:
        import torch
        from basicsr.data import build_dataloader, build_dataset
        from basicsr.data.data_sampler import EnlargedSampler

        from bsr_plugins.host.registration import register_all

        register_all()
        torch.manual_seed(0)
        start = time.perf_counter()
        dataset = build_dataset({**options, 'num_worker_per_gpu': workers})
        self.build_seconds = time.perf_counter() - start
        sampler = EnlargedSampler(dataset, 1, 0, -(-batches * BATCH // len(dataset)))
        sampler.set_epoch(0)
        loader = build_dataloader(
            dataset, {**options, 'num_worker_per_gpu': workers}, num_gpu=1, sampler=sampler, seed=0
        )
        self._waiting = 2 * workers
        self._batches = iter(loader)
        self._images: List[int] = []

    def next(self) -> Dict[str, Any]:
        """Return the next batch."""
        return next(self._batches)

    def drain(self) -> int:
        """Take the batches that workers prefetched while another loader was timed; return how many."""
        for _ in range(self._waiting):
            self.next()
        return self._waiting

    def rate(self, batches: int) -> float:
        """Return samples a second over ``batches`` batches that were not prefetched."""
        self.drain()
        start = time.perf_counter()
        for _ in range(batches):
            self._images.append(len(set(self.next()['gt_path'])))
        return batches * BATCH / (time.perf_counter() - start)

    @property
    def images_a_batch(self) -> float:
        """How many different images a batch of :meth:`rate` held: each of them may have been decoded once."""
        return float(np.mean(self._images))


def rate_rows(bench: str, kind: str, gt_size: int, target: str, quick: bool) -> List[Dict[str, Any]]:
    """Return a row for each of :func:`make_sets`: samples a second of ``kind`` over those of random crops, in turns.

    The data set is built before the clock runs: what it computes at its start is cached by then.
    """
    rounds = 1 if quick else 5
    rows = []
    with workplace() as root:
        for case, images in make_sets(root, quick).items():
            on_disk = case.startswith('2K')
            batches = (2 if on_disk else 10) if quick else (8 if on_disk else 60)
            needed = (rounds + 1) * (batches + 2 * WORKERS)
            # Stock first: its workers are forked before the other set opens the LMDB in this process.
            loaders = {name: TimedLoader(train_options(images, name, gt_size), needed) for name in (STOCK, kind)}
            rates: Dict[str, List[float]] = {name: [] for name in loaders}
            for number in range(rounds):
                for name in list(loaders)[:: 1 if number % 2 else -1]:
                    rates[name].append(loaders[name].rate(batches))
            rows.append(
                row(
                    bench,
                    f'{case}, {WORKERS} workers',
                    [a / b for a, b in zip(rates[kind], rates[STOCK])],
                    target,
                    stock_per_s=float(np.median(rates[STOCK])),
                    ours_per_s=float(np.median(rates[kind])),
                    first_build_s=loaders[kind].build_seconds,
                    stock_images_a_batch=loaders[STOCK].images_a_batch,
                    our_images_a_batch=loaders[kind].images_a_batch,
                )
            )
    return rows


def row(bench: str, case: str, ratios: Sequence[float], target: Optional[str], **measured: Any) -> Dict[str, Any]:
    """Return a row of the table of ``tools/bench.py``."""
    return {
        'bench': bench,
        'case': case,
        'ratio_min': min(ratios),
        'ratio_median': float(np.median(ratios)),
        'ratio_max': max(ratios),
        'target': target,
        **measured,
    }
