"""A base option file with tiny images, and a function that reads and checks a grid on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

import cv2
import numpy as np
import pytest
import yaml

from bsr_plugins.comparison.checking import Checked, check_grid
from bsr_plugins.options.option_file import read_option_file

Options = Dict[str, Any]


def paired(root: Path, name: str, **more: Any) -> Options:
    return {
        'name': name,
        'type': 'PairedImageDataset',
        'dataroot_gt': str(root / name / 'HR'),
        'dataroot_lq': str(root / name / 'LR'),
        'io_backend': {'type': 'disk'},
        **more,
    }


@pytest.fixture(scope='session')
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders train and held_out, each with HR and x2 LR images of random squares."""
    root = tmp_path_factory.mktemp('images')
    random = np.random.default_rng(0)
    for name, count in (('train', 6), ('held_out', 2)):
        for index in range(count):
            lr = np.kron(random.integers(0, 256, (4, 4, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
            for part, image in (('HR', np.kron(lr, np.ones((2, 2, 1), np.uint8))), ('LR', lr)):
                (root / name / part).mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(root / name / part / f'{name}{index}.png'), image)
    return root


@pytest.fixture
def base(images: Path) -> Options:
    """The options of a training of 20 updates of a tiny FSRCNN at x2."""
    return {
        'name': 'base',
        'model_type': 'SRModel',
        'scale': 2,
        'num_gpu': 0,
        'manual_seed': 0,
        'datasets': {
            'train': paired(
                images,
                'train',
                gt_size=32,
                use_hflip=True,
                use_rot=True,
                num_worker_per_gpu=0,
                batch_size_per_gpu=2,
                dataset_enlarge_ratio=1,
                prefetch_mode=None,
            ),
            'val': paired(images, 'held_out'),
        },
        'network_g': {'type': 'FSRCNN', 'num_in_ch': 3, 'num_out_ch': 3, 'upscale': 2, 'd': 4, 's': 4, 'm': 1},
        'path': {'pretrain_network_g': None, 'strict_load_g': True, 'resume_state': None},
        'train': {
            'optim_g': {'type': 'Adam', 'lr': 0.001, 'weight_decay': 0, 'betas': [0.9, 0.999]},
            'scheduler': {'type': 'MultiStepLR', 'milestones': [10], 'gamma': 0.5},
            'total_iter': 20,
            'warmup_iter': -1,
            'pixel_opt': {'type': 'L1Loss', 'loss_weight': 1.0, 'reduction': 'mean'},
        },
        'val': {
            'val_freq': 10,
            'save_img': False,
            'pbar': False,
            'metrics': {'psnr': {'type': 'calculate_psnr', 'crop_border': 2, 'test_y_channel': True}},
        },
        'logger': {'print_freq': 5, 'save_checkpoint_freq': 100, 'use_tb_logger': False, 'wandb': None},
        'dist_params': {'backend': 'nccl', 'port': 29500},
    }


@pytest.fixture
def write_grid(base: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that writes the base and a grid on it into an empty working directory."""

    def write(text: str) -> Path:
        monkeypatch.chdir(tmp_path)
        (tmp_path / 'base.yml').write_text(yaml.safe_dump(base, sort_keys=False))
        path = tmp_path / 'grid.yml'
        path.write_text(f'name: grid\nbase: base.yml\n{text}\n')
        return path

    return write


@pytest.fixture
def check(write_grid: Callable[[str], Path], tmp_path: Path) -> Callable[..., Checked]:
    """Return ``check(text, **more)``: a grid on the base, read and checked."""

    def checking(text: str, **more: Any) -> Checked:
        return check_grid(read_option_file(write_grid(text)), tmp_path, tmp_path / 'out' / 'data', **more)

    return checking
