"""What the tests marked ``gpu`` share: the device, small made-up images, options of runs that take a second.

``python tools/gpu_check.py`` runs them. Without a GPU they are skipped, unless ``BSR_GPU_STAND_IN=cpu`` lets the CPU
stand in; what it cannot stand in for asks for ``cuda``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import numpy as np
import pytest
import torch
import yaml

from bsr_plugins.runs import training_position
from training_runs import forget_log_files

Options = Dict[str, Any]
STAND_IN = 'BSR_GPU_STAND_IN'
SCALE = 2


@pytest.fixture(scope='session')
def device() -> torch.device:
    """The GPU, or the CPU that stands in for it."""
    if torch.cuda.is_available():
        return torch.device('cuda')
    if os.environ.get(STAND_IN) == 'cpu':
        return torch.device('cpu')
    pytest.skip(f'CUDA is absent ({STAND_IN}=cpu lets the CPU stand in)')


@pytest.fixture
def cuda(device: torch.device) -> torch.device:
    """The GPU; the CPU does not stand in."""
    if device.type != 'cuda':
        pytest.skip('CUDA is absent, and the CPU cannot stand in for this')
    return device


@pytest.fixture
def deterministic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the same work give the same bits, runs by BasicSR's script among it, which asks for the fastest kernels."""
    import basicsr.train

    build_model = basicsr.train.build_model

    def build(opt: Options) -> Any:
        torch.backends.cudnn.benchmark = False
        return build_model(opt)

    monkeypatch.setattr(basicsr.train, 'build_model', build)
    monkeypatch.setenv('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def full_precision() -> Iterator[None]:
    """Compare with the CPU: no TF32."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


# ---------------------------------------------------------------------- images and options
@pytest.fixture(scope='session')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of 64 x 64 as HR and LR folders, as scored sub-image LMDBs, and saliency maps of the folders."""
    import cv2

    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.difficulty.scoring import score_difficulty
    from bsr_plugins.data.images.lmdb_reader import decode_record, open_reader
    from bsr_plugins.data.subimages.lmdb_manifest import read_keys
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid
    from tests.support.saliency_maps import write_maps

    root = tmp_path_factory.mktemp('gpu_data')
    generator = np.random.default_rng(0)
    for name in ('HR', 'LR'):
        (root / name).mkdir()
    for number in range(6):
        coarse = generator.integers(0, 256, (3 + 4 * number, 3 + 4 * number, 3)).astype(np.uint8)
        hr = cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(root / 'HR' / f'{number}.png'), hr)
        cv2.imwrite(str(root / 'LR' / f'{number}.png'), cv2.resize(hr, (32, 32), interpolation=cv2.INTER_AREA))
    lmdbs = create_subimage_lmdbs(root / 'HR', root, SCALE, root / 'LR', WindowGrid(32, 16, 12), progress=False)
    score_difficulty(lmdbs.hr, lmdbs.lr, SCALE, bicubic_scorer(SCALE), progress=False)
    reader = open_reader(lmdbs.lr)
    lq = {key: decode_record(lmdbs.lr, key, reader.record(key)) for key in read_keys(lmdbs.lr)}
    write_maps(root / 'maps.lmdb', lq)
    return root


@pytest.fixture
def lmdbs(data: Path) -> Options:
    """Where a data set of sub-image LMDBs finds its images."""
    return {
        'dataroot_gt': str(data / 'HR_sub.lmdb'),
        'dataroot_lq': str(data / f'LR_sub_x{SCALE}.lmdb'),
        'io_backend': {'type': 'lmdb'},
    }


@pytest.fixture
def run_options(data: Path, device: torch.device) -> Options:
    """A run of RebalancedSRModel: EDSR of one block, 4 iterations of 4 crops, prefetched by the GPU where it is one."""
    on_gpu = device.type == 'cuda'
    return {
        'name': 'run',
        'model_type': 'RebalancedSRModel',
        'scale': SCALE,
        'num_gpu': int(on_gpu),
        'manual_seed': 3,
        'datasets': {
            'train': {
                'name': 'train',
                'type': 'PairedImageDataset',
                'dataroot_gt': str(data / 'HR'),
                'dataroot_lq': str(data / 'LR'),
                'io_backend': {'type': 'disk'},
                'gt_size': 32,
                'use_hflip': True,
                'use_rot': True,
                'num_worker_per_gpu': int(on_gpu),
                'batch_size_per_gpu': 4,
                'dataset_enlarge_ratio': 8,
                'prefetch_mode': 'cuda' if on_gpu else None,
                'pin_memory': on_gpu,
            }
        },
        'network_g': {
            'type': 'EDSR',
            'num_in_ch': 3,
            'num_out_ch': 3,
            'num_feat': 8,
            'num_block': 1,
            'upscale': SCALE,
            'img_range': 255.0,
            'rgb_mean': [0.4488, 0.4371, 0.4040],
        },
        'path': {'pretrain_network_g': None, 'strict_load_g': True, 'resume_state': None},
        'train': {
            'ema_decay': 0.9,
            'optim_g': {'type': 'Adam', 'lr': 0.001, 'weight_decay': 0, 'betas': [0.9, 0.99]},
            'scheduler': {'type': 'MultiStepLR', 'milestones': [100], 'gamma': 0.5},
            'total_iter': 4,
            'warmup_iter': -1,
            'pixel_opt': {'type': 'L1Loss', 'loss_weight': 1.0, 'reduction': 'mean'},
        },
        'logger': {'print_freq': 1, 'save_checkpoint_freq': 100, 'use_tb_logger': False, 'wandb': None},
        'dist_params': {'backend': 'nccl', 'port': 29500},
    }


@pytest.fixture
def bspa_options(run_options: Options, lmdbs: Options) -> Options:
    """The same for BSPAModel: 8 iterations, a round after the fifth."""
    run_options['model_type'] = 'BSPAModel'
    inverse = {'type': 'InverseSampledLMDBDataset', 'num_classes': 3, 'imbalance_factor': 3, 'gt_size': 32, **lmdbs}
    run_options['datasets']['train'].update(
        **{**inverse, 'sampling': 'uniform', 'inverse': inverse}, dataset_enlarge_ratio=2
    )
    run_options['train'].update(
        total_iter=8,
        bspa={'interval_iter': 3, 'inverse_iter': 2, 'beta': 0.8, 'ig_steps': 2, 'ig_batches': 2},
    )
    return run_options


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Return ``train(options, root, *arguments)``: BasicSR's own train_pipeline; it returns the experiment."""

    def run(options: Options, root: Path, *arguments: str) -> Path:
        from basicsr.train import train_pipeline

        root.mkdir(parents=True, exist_ok=True)
        (root / 'run.yml').write_text(yaml.safe_dump(options, sort_keys=False))
        monkeypatch.chdir(root)
        monkeypatch.setattr(sys, 'argv', ['train.py', '-opt', 'run.yml', *arguments])
        training_position.reset()
        forget_log_files()
        train_pipeline(str(root))
        return root / 'experiments' / options['name']

    yield run
    training_position.reset()


# ---------------------------------------------------------------------- single steps
@pytest.fixture
def build(run_options: Options) -> Callable[..., Any]:
    """Return ``build(model_type, **train)``: a model in training, of the same weights each time."""

    def make(model_type: str = 'RebalancedSRModel', network_sigma: Any = None, **train: Any) -> Any:
        from basicsr.models import build_model

        torch.manual_seed(0)
        options = {**run_options, 'model_type': model_type, 'is_train': True, 'dist': False, 'rank': 0, 'world_size': 1}
        options['train'] = {**options['train'], **train}
        options['train']['optim_g'] = dict(options['train']['optim_g'])
        if network_sigma is not None:
            options['network_sigma'] = dict(network_sigma)
        return build_model(options)

    return make


@pytest.fixture
def batch(device: torch.device) -> Dict[str, torch.Tensor]:
    """A batch as the prefetcher leaves it: on the device."""
    generator = torch.Generator().manual_seed(0)
    lq = torch.rand(4, 3, 16, 16, generator=generator)
    gt = torch.nn.functional.interpolate(lq, scale_factor=SCALE, mode='bicubic').clamp(0, 1)
    return {'lq': lq.to(device), 'gt': gt.to(device)}
