"""Synthetic checkouts, one for each way in which forks of BasicSR are made, with data and options to train them by."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

import cv2
import numpy as np
import yaml

import warm_python

Options = Dict[str, Any]

TREES = Path(__file__).resolve().parents[1] / 'forks' / 'trees'
REPO = TREES.parents[2]
#: Name -> the templates it is made of, later files over earlier ones.
KINDS: Dict[str, List[str]] = {
    'registry': ['common', 'registry'],
    'explicit': ['common', 'registry', 'explicit'],
    'legacy': ['common', 'legacy'],
    'namespace': ['common', 'legacy', 'namespace'],
    'dependent': ['dependent'],
}


def write_tree(kind: str, root: Path) -> Path:
    """Put the tree of ``kind`` together in the new folder ``root``, and return it."""
    for template in KINDS[kind]:
        shutil.copytree(TREES / template, root, dirs_exist_ok=True)
    if kind == 'namespace':
        (root / 'basicsr' / '__init__.py').unlink()
    return root


def write_data(out: Path, scale: int = 2, count: int = 6) -> Path:
    """Write HR and LR folders of smooth images, their sub-image LMDBs and a difficulty file; return ``out``."""
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.difficulty.scoring import score_difficulty
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    generator = np.random.default_rng(0)
    for part in ('HR', 'LR'):
        (out / part).mkdir(parents=True)
    for index in range(count):
        side = 4 + 4 * index
        hr = cv2.resize(
            generator.integers(0, 256, (side, side, 3), dtype=np.uint8), (64, 64), interpolation=cv2.INTER_CUBIC
        )
        cv2.imwrite(str(out / 'HR' / f'{index}.png'), hr)
        lr = (
            cv2.GaussianBlur(hr, (5, 5), 1.0)
            if scale == 1
            else cv2.resize(hr, (64 // scale, 64 // scale), interpolation=cv2.INTER_AREA)
        )
        cv2.imwrite(str(out / 'LR' / f'{index}.png'), lr)
    create_subimage_lmdbs(
        hr=out / 'HR', lr=out / 'LR', scale=scale, out=out, grid=WindowGrid(32, 32, 0), progress=False
    )
    score_difficulty(out / 'HR_sub.lmdb', out / f'LR_sub_x{scale}.lmdb', scale, bicubic_scorer(scale))
    return out


def options_for(kind: str, data: Path, scale: int = 2) -> Options:
    """Return options of a run of 6 iterations with the pack's data set, losses and model and the tree's network."""
    dependent = kind == 'dependent'
    options: Options = {
        'name': 'run',
        'model_type': 'RebalancedSRModel',
        'scale': scale,
        'num_gpu': 0,
        'manual_seed': 3,
        'datasets': {
            'train': {
                'name': 'train',
                'type': 'InverseSampledLMDBDataset',
                'dataroot_gt': str(data / 'HR_sub.lmdb'),
                'dataroot_lq': str(data / f'LR_sub_x{scale}.lmdb'),
                'num_classes': 3,
                'imbalance_factor': 3,
                'io_backend': {'type': 'lmdb'},
                'gt_size': 16,
                'num_worker_per_gpu': 1,
                'batch_size_per_gpu': 2,
            },
            'val': {
                'name': 'val',
                'type': 'PairedImageDataset' if dependent else 'TreeDataset',
                'dataroot_gt': str(data / 'HR'),
                'dataroot_lq': str(data / 'LR'),
                'io_backend': {'type': 'disk'},
            },
        },
        'network_g': {'type': 'OwnNet' if dependent else 'TreeNet', 'upscale': scale},
        'path': {'pretrain_network_g': None},
        'train': {
            'total_iter': 6,
            'optim_g': {'type': 'Adam', 'lr': 0.001},
            'scheduler': {'type': 'MultiStepLR', 'milestones': [4]},
            'pixel_opt': {'type': 'FocalPixelLoss', 'loss_weight': 1.0},
            'losses': {'hybrid': {'type': 'HybridLpLoss'}},
            'augment': {'type': 'MoA'},
        },
        'val': {'val_freq': 6, 'save_img': False, 'metrics': {'psnr': {'type': 'calculate_psnr', 'crop_border': 0}}},
        'logger': {'print_freq': 1, 'save_checkpoint_freq': 3, 'use_tb_logger': False},
    }
    if kind in ('explicit', 'dependent'):
        options['base_model_type'] = 'OwnModel' if dependent else 'TreeModel'
    return options


def run_in(
    root: Path,
    *arguments: str,
    options: Optional[Options] = None,
    processes: int = 1,
    fresh: bool = False,
    **environment: str,
) -> Any:
    """Run ``basicsr ARGUMENTS`` in ``root``, with ``options`` as ``run.yml`` there, and return what came of it.

    The installed basicsr stays on the import path, behind the tree. With ``processes`` it runs under torchrun;
    ``fresh`` takes a Python that has not imported torch before.
    """
    if options is not None:
        (root / 'run.yml').write_text(yaml.safe_dump(options, sort_keys=False))
    paths = os.pathsep.join([str(REPO), *filter(None, [os.environ.get('PYTHONPATH')])])
    env = {**os.environ, 'PYTHONPATH': paths, 'OMP_NUM_THREADS': '1', **environment}
    if processes == 1 and not fresh:
        return warm_python.run('-m', 'bsr_plugins', *arguments, cwd=root, env=env)
    launcher = ['-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={processes}'] if processes > 1 else []
    return subprocess.run(
        [sys.executable, *launcher, '-m', 'bsr_plugins', *arguments],
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=240,
        env=env,
    )
