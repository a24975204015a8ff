"""Small real data and option files for runs of BasicSR's unmodified pipelines."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import cv2
import pytest
import torch
import yaml

from bsr_plugins.runs import training_position
from training_runs import assert_equal, forget_log_files

Options = Dict[str, Any]


@pytest.fixture(scope='session')
def sr_data(bsr_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight real images (192 x 192) with their x4 LR, as folders, as sub-image LMDBs and with a difficulty file."""
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.difficulty.scoring import score_difficulty
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs

    root = tmp_path_factory.mktemp('sr_data')
    names = sorted(path.name for path in (bsr_data / 'train' / 'HR').glob('t91_*.png'))[:8]
    for part, source, side in (('HR', 'HR', 192), ('LR', 'LRbicX4', 48)):
        (root / part).mkdir()
        for name in names:
            image = cv2.imread(str(bsr_data / 'train' / source / name))
            cv2.imwrite(str(root / part / name), image[:side, :side])
    (root / 'two.txt').write_text(''.join(f'{name} (192,192,3)\n' for name in names[:2]))
    create_subimage_lmdbs(hr=root / 'HR', lr=root / 'LR', scale=4, out=root)
    score_difficulty(root / 'HR_sub.lmdb', root / 'LR_sub_x4.lmdb', 4, bicubic_scorer(4))
    return root


@pytest.fixture
def base_options(sr_data: Path) -> Options:
    """Options of a tiny BSPA run: 13 iterations, rounds after 5 and 10, ends with a uniform stage."""

    def paired(name: str, **more: Any) -> Options:
        return {
            'name': name,
            'type': 'PairedImageDataset',
            'dataroot_gt': str(sr_data / 'HR'),
            'dataroot_lq': str(sr_data / 'LR'),
            'io_backend': {'type': 'disk'},
            **more,
        }

    return {
        'name': 'run',
        'model_type': 'BSPAModel',
        'scale': 4,
        'num_gpu': 0,
        'manual_seed': 3,
        'datasets': {
            'train': paired(
                'train',
                gt_size=48,
                use_hflip=True,
                use_rot=True,
                num_worker_per_gpu=0,
                batch_size_per_gpu=2,
                dataset_enlarge_ratio=1,
                prefetch_mode=None,
                inverse={
                    'type': 'InverseSampledLMDBDataset',
                    'dataroot_gt': str(sr_data / 'HR_sub.lmdb'),
                    'dataroot_lq': str(sr_data / 'LR_sub_x4.lmdb'),
                    'num_classes': 3,
                    'imbalance_factor': 3,
                    'gt_size': 48,
                },
            ),
        },
        'network_g': {
            'type': 'EDSR',
            'num_in_ch': 3,
            'num_out_ch': 3,
            'num_feat': 8,
            'num_block': 1,
            'upscale': 4,
            'img_range': 255.0,
            'rgb_mean': [0.4488, 0.4371, 0.4040],
        },
        'path': {'pretrain_network_g': None, 'strict_load_g': True, 'resume_state': None},
        'train': {
            'ema_decay': 0.9,
            'optim_g': {'type': 'Adam', 'lr': 0.001, 'weight_decay': 0, 'betas': [0.9, 0.99]},
            'scheduler': {'type': 'MultiStepLR', 'milestones': [4, 8], 'gamma': 0.5},
            'total_iter': 13,
            'warmup_iter': -1,
            'pixel_opt': {'type': 'L1Loss', 'loss_weight': 1.0, 'reduction': 'mean'},
            'bspa': {'interval_iter': 3, 'inverse_iter': 2, 'beta': 0.8, 'ig_steps': 2, 'ig_batches': 2},
        },
        'logger': {'print_freq': 1, 'save_checkpoint_freq': 1, 'use_tb_logger': False, 'wandb': None},
        'dist_params': {'backend': 'nccl', 'port': 29500},
    }


@pytest.fixture
def numbered_options(base_options: Options) -> Options:
    """The uniform half from a data set of ours too, with workers."""
    options = copy.deepcopy(base_options)
    train = options['datasets']['train']
    inverse = train['inverse']
    train.update(
        type='InverseSampledLMDBDataset',
        sampling='uniform',
        dataroot_gt=inverse['dataroot_gt'],
        dataroot_lq=inverse['dataroot_lq'],
        num_classes=3,
        imbalance_factor=3,
        num_worker_per_gpu=2,
        io_backend={'type': 'lmdb'},
    )
    options['train']['total_iter'] = 8
    return options


@pytest.fixture
def with_validation(sr_data: Path) -> Callable[[Options, int], Options]:
    """Return a function that adds a validation set (Y PSNR) every ``freq`` iterations."""

    def add(options: Options, freq: int) -> Options:
        options = copy.deepcopy(options)
        options['datasets']['val'] = {
            'name': 'val',
            'type': 'PairedImageDataset',
            'dataroot_gt': str(sr_data / 'HR'),
            'dataroot_lq': str(sr_data / 'LR'),
            'io_backend': {'type': 'disk'},
        }
        options['val'] = {
            'val_freq': freq,
            'save_img': False,
            'metrics': {'psnr': {'type': 'calculate_psnr', 'crop_border': 4, 'test_y_channel': True}},
        }
        return options

    return add


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Return ``train(options, root, *arguments)``: BasicSR's own train_pipeline, in this process; the experiment."""

    def run(options: Options, root: Path, *arguments: str) -> Path:
        from basicsr.train import train_pipeline

        root.mkdir(parents=True, exist_ok=True)
        option_file = root / f'{options["name"]}.yml'
        option_file.write_text(yaml.safe_dump(options, sort_keys=False))
        monkeypatch.chdir(root)
        monkeypatch.setattr(sys, 'argv', ['train.py', '-opt', str(option_file), *arguments])
        training_position.reset()
        forget_log_files()
        train_pipeline(str(root))
        return root / 'experiments' / options['name']

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield run
    torch.set_num_threads(threads)
    training_position.reset()


@pytest.fixture(scope='session')
def whole_runs() -> Dict[str, Path]:
    """Experiments by their options."""
    return {}


@pytest.fixture
def train_once(
    train: Callable[..., Path], whole_runs: Dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Options], Path]:
    """Return ``train_once(options)``: the experiment of a run that all tests share, and therefore only read.

    A test asks for it before it replaces anything in BasicSR or in the pack.
    """

    def once(options: Options) -> Path:
        text = yaml.safe_dump(options)
        if text not in whole_runs:
            whole_runs[text] = train(options, tmp_path_factory.mktemp('whole'))
        return whole_runs[text]

    return once


@pytest.fixture
def same() -> Callable[[Any, Any], None]:
    """Return the bit-for-bit comparison of nested states."""
    return assert_equal
