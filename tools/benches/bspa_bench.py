"""A whole BSPA run against a whole SRModel run of FSRCNN at equal updates: what bi-sampling and attribution cost."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import os
import re
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import yaml

SCALE = 4


def _data(root: Path, images: Path) -> None:
    """Make both LMDBs as the README tells, with 192 windows for the uniform half: the images are small."""
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.difficulty.scoring import score_difficulty
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    hr, lr = images / 'train' / 'HR', images / 'train' / 'LRbicX4'
    create_subimage_lmdbs(
        hr=hr,
        lr=lr,
        scale=SCALE,
        out=root / 'uniform',
        encoding='bmp',
        progress=False,
        grid=WindowGrid(crop=192, step=96, threshold=0),
    )
    create_subimage_lmdbs(hr=hr, lr=lr, scale=SCALE, out=root / 'inverse', progress=False)
    score_difficulty(
        root / 'inverse' / 'HR_sub.lmdb', root / 'inverse' / f'LR_sub_x{SCALE}.lmdb', SCALE, bicubic_scorer(SCALE)
    )


def _options(root: Path, model_type: str, cycle: int) -> Dict[str, Any]:
    """Options in the published proportions: equal stages, 50 IG batches for 2,500 iterations of a stage."""

    def lmdb(folder: str) -> Dict[str, Any]:
        return {
            'dataroot_gt': str(root / folder / 'HR_sub.lmdb'),
            'dataroot_lq': str(root / folder / f'LR_sub_x{SCALE}.lmdb'),
            'io_backend': {'type': 'lmdb'},
        }

    train = {
        'name': 'bench',
        'type': 'PairedImageDataset',
        **lmdb('uniform'),
        'gt_size': 128,
        'use_hflip': True,
        'use_rot': True,
        'num_worker_per_gpu': 1,
        'batch_size_per_gpu': 16,
        'dataset_enlarge_ratio': 10,
        'prefetch_mode': None,
    }
    options: Dict[str, Any] = {
        'name': f'debug_{model_type}',
        'model_type': model_type,
        'scale': SCALE,
        'num_gpu': 0,
        'manual_seed': 0,
        'datasets': {'train': train},
        'path': {'resume_state': None},
        'network_g': {'type': 'FSRCNN', 'num_in_ch': 3, 'num_out_ch': 3, 'upscale': SCALE},
        'train': {
            'ema_decay': 0,
            'optim_g': {'type': 'Adam', 'lr': 2e-4},
            'total_iter': cycle * 5 // 2,
            'scheduler': {'type': 'MultiStepLR', 'milestones': [10**6], 'gamma': 0.5},
            'pixel_opt': {'type': 'L1Loss', 'loss_weight': 1.0, 'reduction': 'mean'},
        },
        'logger': {'print_freq': 10, 'save_checkpoint_freq': 10**6, 'use_tb_logger': False},
    }
    if model_type == 'BSPAModel':
        train['inverse'] = {'type': 'InverseSampledLMDBDataset', **lmdb('inverse')}
        options['train']['bspa'] = {
            'interval_iter': cycle // 2,
            'inverse_iter': cycle // 2,
            'ig_batches': max(1, cycle // 2 // 50),
        }
    return options


def _processor_seconds() -> float:
    """Return the processor time of this process and of its workers that have ended."""
    return sum(
        resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def _run(options: Dict[str, Any], root: Path) -> Tuple[float, float, float]:
    """Train once through train_pipeline; return wall time, processor time, mean wait for data of an iteration."""
    from basicsr.train import train_pipeline
    from basicsr.utils.logger import initialized_logger

    from bsr_plugins.runs import training_position

    with tempfile.TemporaryDirectory(dir=root) as folder:
        option_file = Path(folder) / 'run.yml'
        option_file.write_text(yaml.safe_dump(options))
        initialized_logger.clear()
        logging.getLogger('basicsr').handlers.clear()
        training_position.reset()
        argv, cwd, sys.argv = sys.argv, os.getcwd(), ['train.py', '-opt', str(option_file)]
        options_name = options['name']
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                start, processor = time.perf_counter(), _processor_seconds()
                train_pipeline(folder)
                seconds, processor = time.perf_counter() - start, _processor_seconds() - processor
        finally:
            sys.argv = argv
            os.chdir(cwd)
        log = next(Path(folder, 'experiments', options_name).glob('train_*.log')).read_text()
    waits = [float(wait) for wait in re.findall(r'time \(data\): [\d.]+ \(([\d.]+)\)', log)]
    return seconds, processor, sum(waits) / max(1, len(waits))


def bench_bspa(quick: bool) -> List[Dict[str, Any]]:
    """Wall time of a BSPA run over that of its twin at equal updates; IG and dropped batches included."""
    import bsr_plugins  # noqa: F401

    images = Path(os.environ.get('BSR_DATA', Path(__file__).resolve().parents[3] / 'shared' / 'data'))
    cycle, rounds = (40, 1) if quick else (400, 3)
    ratios: List[float] = []
    waits: Dict[str, List[float]] = {'SRModel': [], 'BSPAModel': []}
    seconds: Dict[str, List[float]] = copy.deepcopy(waits)
    processor: Dict[str, List[float]] = copy.deepcopy(waits)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _data(root, images)
        for _ in range(rounds):
            for kind in waits:
                taken, used, wait = _run(_options(root, kind, cycle), root)
                seconds[kind].append(taken)
                processor[kind].append(used)
                waits[kind].append(wait)
            ratios.append(seconds['BSPAModel'][-1] / seconds['SRModel'][-1])
    return [
        {
            'bench': 'bspa',
            'case': f'FSRCNN x{SCALE}, {cycle * 5 // 2} updates, 2 rounds, CPU',
            'ratio_min': min(ratios),
            'ratio_median': float(np.median(ratios)),
            'ratio_max': max(ratios),
            'target': '<= 1.15 wall time',
            'processor_ratio': float(np.median([a / b for a, b in zip(processor['BSPAModel'], processor['SRModel'])])),
            'data_wait_stock_s': float(np.median(waits['SRModel'])),
            'data_wait_bspa_s': float(np.median(waits['BSPAModel'])),
            'stock_s': float(np.median(seconds['SRModel'])),
        }
    ]
