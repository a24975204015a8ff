"""Sub-image LMDBs against BasicSR's two scripts: how fast they are made, how fast a stock loader reads them, memory."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import cv2
import numpy as np
from benches.training_sets import write_images

SCALE = 4
TOOLS = Path(__file__).resolve().parents[1]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
GRIDS = {'hr': (128, 64, 48), 'lr': (32, 16, 12)}


def bench_lmdb(quick: bool) -> List[Dict[str, Any]]:
    """Time of BasicSR's extract_subimages.py and make_lmdb_from_imgs over ours; 2K images, the same windows."""
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs

    targets = {'png-fast': 4.5, 'png': 3.2, 'fpng': 10, 'bmp': 10}
    if not _has_fpng():
        targets.pop('fpng')
    with _folder() as root:
        write_images(root, 2 if quick else 4)
        stock: List[float] = []
        ours: Dict[str, List[float]] = {name: [] for name in targets}
        for number in range(1 if quick else 3):
            stock.append(_timed(lambda number=number: _make_stock(root, root / f'stock{number}')))
            for name in targets:
                out = root / f'{name}{number}'
                ours[name].append(
                    _timed(
                        lambda out=out, name=name: create_subimage_lmdbs(
                            root / 'hr', out, SCALE, lr=root / 'lr', encoding=name, progress=False
                        )
                    )
                )
        size = _size(root / 'stock0')
        return [
            _row(
                'lmdb',
                f'{name}, {CORES} cores',
                [a / b for a, b in zip(stock, ours[name])],
                f'>= {target}x',
                stock_s=float(np.median(stock)),
                ours_s=float(np.median(ours[name])),
                size_to_stock=_size(root / f'{name}0') / size,
            )
            for name, target in targets.items()
        ]


def bench_read(quick: bool) -> List[Dict[str, Any]]:
    """Samples a second of a stock PairedImageDataset on our LMDBs over the same on stock's; one worker and two.

    It compares the LMDBs. The bench ``sample`` times the pack's own data sets.
    """
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs

    targets = {'png-fast': '>= 0.95x', 'png': '1 (same bytes)', 'fpng': '-', 'bmp': '>= 1.5x'}
    if not _has_fpng():
        targets.pop('fpng')
    rows = []
    with _folder() as root:
        write_images(root, 1 if quick else 2)
        _make_stock(root, root / 'stock')
        for name in targets:
            create_subimage_lmdbs(root / 'hr', root / name, SCALE, lr=root / 'lr', encoding=name, progress=False)
        for workers in (1, 2):
            rates: Dict[str, List[float]] = {name: [] for name in ('stock', *targets)}
            for _ in range(1 if quick else 5):
                for name in rates:
                    rates[name].append(_reading_rate(root / name, workers))
            for name, target in targets.items():
                rows.append(
                    _row(
                        'read',
                        f'{name}, {workers} worker{"s" * (workers > 1)}',
                        [a / b for a, b in zip(rates[name], rates['stock'])],
                        target,
                        stock_per_s=float(np.median(rates['stock'])),
                        ours_per_s=float(np.median(rates[name])),
                    )
                )
    return rows


def bench_memory(quick: bool) -> List[Dict[str, Any]]:
    """Peak memory (resident set) of making and of scoring LMDBs with four times the images over that with few."""
    few = {'making': 12 if quick else 24, 'scoring': 2 if quick else 4}
    peaks: Dict[Tuple[str, int], List[float]] = {}
    with _folder() as root:
        for job, start in few.items():
            for count in (start, 4 * start):
                write_images(root / f'{job}{count}', count, distinct=2)
        for number in range(1 if quick else 3):
            for job, start in few.items():
                for count in (start, 4 * start):
                    images, out = root / f'{job}{count}', root / f'{job}{count}_{number}'
                    peak = _peak_mib(
                        [
                            'create_subimage_lmdb.py',
                            '--hr',
                            images / 'hr',
                            '--lr',
                            images / 'lr',
                            '--scale',
                            SCALE,
                            '--out',
                            out,
                        ]
                    )
                    if job == 'scoring':
                        peak = _peak_mib(
                            [
                                'score_difficulty.py',
                                '--hr-lmdb',
                                out / 'HR_sub.lmdb',
                                '--lr-lmdb',
                                out / f'LR_sub_x{SCALE}.lmdb',
                                '--scale',
                                SCALE,
                                '--no-pictures',
                            ]
                        )
                    peaks.setdefault((job, count), []).append(peak)
                    shutil.rmtree(out)
    return [
        _row(
            'memory',
            f'{job}, {4 * start} against {start} images of 2K',
            [a / b for a, b in zip(peaks[job, 4 * start], peaks[job, start])],
            '<= 1.1',
            few_mib=float(np.median(peaks[job, start])),
            many_mib=float(np.median(peaks[job, 4 * start])),
        )
        for job, start in few.items()
    ]


def _row(bench: str, case: str, ratios: List[float], target: str, **measured: Any) -> Dict[str, Any]:
    return {
        'bench': bench,
        'case': case,
        'ratio_min': min(ratios),
        'ratio_median': float(np.median(ratios)),
        'ratio_max': max(ratios),
        'target': target,
        **measured,
    }


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    import bsr_plugins  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _has_fpng() -> bool:
    from bsr_plugins.common.errors import DependencyError
    from bsr_plugins.data.images.image_encoding import encoder

    try:
        encoder('fpng')
    except DependencyError:
        return False
    return True


def _make_stock(root: Path, out: Path) -> None:
    """What a BasicSR user runs: sub-images as PNG files of level 3, a process a core, then an LMDB of those, twice."""
    from basicsr.utils.lmdb_util import make_lmdb_from_imgs

    for side, name in (('hr', 'HR_sub'), ('lr', f'LR_sub_x{SCALE}')):
        files = out / name
        files.mkdir(parents=True)
        with get_context('fork').Pool(CORES) as pool:
            for path in sorted((root / side).iterdir()):
                pool.apply_async(_extract, (str(path), str(files), GRIDS[side]))
            pool.close()
            pool.join()
        names = sorted(path.name for path in files.iterdir())
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            make_lmdb_from_imgs(str(files), str(out / f'{name}.lmdb'), names, [name[:-4] for name in names])


def _extract(path: str, folder: str, grid: Tuple[int, int, int]) -> None:
    """The work of extract_subimages.py on one image."""
    from bsr_plugins.data.subimages.windows import WindowGrid, windows

    image = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    stem = Path(path).stem.replace(f'x{SCALE}', '')
    for number, (top, left) in enumerate(windows(*image.shape[:2], WindowGrid(*grid)), 1):
        window = np.ascontiguousarray(image[top : top + grid[0], left : left + grid[0]])
        cv2.imwrite(f'{folder}/{stem}_s{number:03d}.png', window, [cv2.IMWRITE_PNG_COMPRESSION, 3])


def _reading_rate(folder: Path, workers: int) -> float:
    """Return samples a second over one epoch of batches of 16, the workers' start left out."""
    import torch
    from basicsr.data.paired_image_dataset import PairedImageDataset

    dataset = PairedImageDataset(
        {
            'dataroot_gt': str(folder / 'HR_sub.lmdb'),
            'dataroot_lq': str(folder / f'LR_sub_x{SCALE}.lmdb'),
            'io_backend': {'type': 'lmdb'},
            'scale': SCALE,
            'phase': 'train',
            'gt_size': 128,
            'use_hflip': True,
            'use_rot': True,
        }
    )
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0)).tolist()
    loader = iter(torch.utils.data.DataLoader(dataset, batch_size=16, sampler=order, num_workers=workers))
    for _ in range(4):
        next(loader)
    start, count = time.perf_counter(), 0
    for batch in loader:
        count += len(batch['gt'])
    return count / (time.perf_counter() - start)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob('*.lmdb/data.mdb'))


def _peak_mib(command: List[Any]) -> float:
    """Return the peak resident set in MiB of one of our tools, as a process of its own.

    A small process starts it: Linux counts what the starting process held at that moment as the started one's.
    """
    starter = (
        'import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, '
        'stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)'
    )
    words = [sys.executable, '-c', starter, sys.executable, str(TOOLS / command[0]), *map(str, command[1:])]
    peak = int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return peak / (1 << 20 if sys.platform == 'darwin' else 1 << 10)
