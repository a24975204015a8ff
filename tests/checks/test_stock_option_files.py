"""Files shaped as BasicSR's own, and those that it ships where a copy is at hand: no error but for their data paths."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import yaml

from bsr_plugins.checks.option_checks import check_options
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.options.option_file import read_option_file

#: A folder of option files to check: a checkout's ``options``, of BasicSR or of a fork (then run in its root).
FOLDER = 'BSR_STOCK_OPTIONS'
# Both stop in BasicSR itself: the first names a loss that it does not have, the second has no `val`.
BROKEN_UPSTREAM = ('train_hifacegan.yml', 'test_RCAN.yml')

Check = Callable[..., List[Finding]]
Options = Dict[str, Any]
DISK = {'type': 'disk'}
LOADER = {'num_worker_per_gpu': 6, 'batch_size_per_gpu': 16, 'dataset_enlarge_ratio': 1, 'prefetch_mode': None}
VAL = {
    'name': 'Set5',
    'type': 'PairedImageDataset',
    'dataroot_gt': 'none/GT',
    'dataroot_lq': 'none/LR',
    'io_backend': DISK,
}
TAIL = {
    'val': {
        'val_freq': 5000.0,
        'save_img': False,
        'metrics': {'psnr': {'type': 'calculate_psnr', 'crop_border': 4, 'test_y_channel': False}},
    },
    'logger': {
        'print_freq': 100,
        'save_checkpoint_freq': 5000.0,
        'use_tb_logger': True,
        'wandb': {'project': None, 'resume_id': None},
    },
    'dist_params': {'backend': 'nccl', 'port': 29500},
}
ADAM = {'type': 'Adam', 'lr': 1e-4, 'weight_decay': 0, 'betas': [0.9, 0.99]}
STEPS = {'type': 'MultiStepLR', 'milestones': [50000, 100000], 'gamma': 0.5}
COSINE = {'type': 'CosineAnnealingRestartLR', 'periods': [600000], 'restart_weights': [1], 'eta_min': 1e-7}
GAN = {'type': 'GANLoss', 'gan_type': 'vanilla', 'real_label_val': 1.0, 'fake_label_val': 0.0, 'loss_weight': 0.1}
PERCEPTUAL = {
    'type': 'PerceptualLoss',
    'layer_weights': {'conv5_4': 1},
    'vgg_type': 'vgg19',
    'use_input_norm': True,
    'range_norm': False,
    'perceptual_weight': 1.0,
    'style_weight': 0,
    'criterion': 'l1',
}
PIXEL = {'type': 'L1Loss', 'loss_weight': 1.0, 'reduction': 'mean'}


def training(model: str, network: Options, dataset: Options, train: Options, **more: Any) -> Options:
    return {
        'name': 'x',
        'model_type': model,
        'scale': 4,
        'num_gpu': 'auto',
        'manual_seed': 0,
        'datasets': {'train': {**dataset, **LOADER}, 'val': VAL},
        'network_g': network,
        'path': {'pretrain_network_g': None, 'strict_load_g': True, 'resume_state': None},
        'train': train,
        **TAIL,
        **more,
    }


PAIRED = {
    'name': 'DIV2K',
    'type': 'PairedImageDataset',
    'dataroot_gt': 'none/HR',
    'dataroot_lq': 'none/LR',
    'meta_info_file': 'none/meta.txt',
    'filename_tmpl': '{}',
    'io_backend': DISK,
    'gt_size': 128,
    'use_hflip': True,
    'use_rot': True,
    'use_shuffle': True,
}
VIDEO = {
    'name': 'REDS',
    'type': 'REDSDataset',
    'dataroot_gt': 'none/HR',
    'dataroot_lq': 'none/LR',
    'meta_info_file': 'none/meta.txt',
    'dataroot_flow': None,
    'val_partition': 'REDS4',
    'io_backend': DISK,
    'num_frame': 5,
    'gt_size': 256,
    'interval_list': [1],
    'random_reverse': False,
    'use_hflip': True,
    'use_rot': True,
}
DEGRADED = {
    'name': 'DF2K',
    'type': 'RealESRGANDataset',
    'dataroot_gt': 'none/HR',
    'meta_info': 'none/meta.txt',
    'io_backend': DISK,
    'blur_kernel_size': 21,
    'kernel_list': ['iso', 'aniso'],
    'kernel_prob': [0.5, 0.5],
    'sinc_prob': 0.1,
    'blur_sigma': [0.2, 3],
    'betag_range': [0.5, 4],
    'betap_range': [1, 2],
    'blur_kernel_size2': 21,
    'kernel_list2': ['iso', 'aniso'],
    'kernel_prob2': [0.5, 0.5],
    'sinc_prob2': 0.1,
    'blur_sigma2': [0.2, 1.5],
    'betag_range2': [0.5, 4],
    'betap_range2': [1, 2],
    'final_sinc_prob': 0.8,
    'gt_size': 256,
    'use_hflip': True,
    'use_rot': False,
}
RRDB = {'type': 'RRDBNet', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 64, 'num_block': 23}
CRITIC = {'type': 'VGGStyleDiscriminator', 'num_in_ch': 3, 'num_feat': 64}
BOTH = {
    'ema_decay': 0.999,
    'optim_g': ADAM,
    'optim_d': ADAM,
    'scheduler': STEPS,
    'total_iter': 400000,
    'warmup_iter': -1,
    'pixel_opt': PIXEL,
    'perceptual_opt': PERCEPTUAL,
    'gan_opt': GAN,
    'net_d_iters': 1,
    'net_d_init_iters': 0,
}
PLAIN = {
    'ema_decay': 0.999,
    'optim_g': ADAM,
    'scheduler': STEPS,
    'total_iter': 300000,
    'warmup_iter': -1,
    'pixel_opt': PIXEL,
}
SHAPES = {
    'paired': training('SRModel', {'type': 'MSRResNet', 'num_in_ch': 3, 'upscale': 4}, PAIRED, PLAIN),
    'gan': training('ESRGANModel', RRDB, PAIRED, BOTH, network_d=CRITIC),
    'leftovers': training('SRModel', RRDB, PAIRED, BOTH, network_d=CRITIC),
    'degraded': training(
        'RealESRGANModel',
        RRDB,
        DEGRADED,
        BOTH,
        network_d={'type': 'UNetDiscriminatorSN', 'num_in_ch': 3, 'num_feat': 64, 'skip_connection': True},
        l1_gt_usm=True,
        percep_gt_usm=True,
        gan_gt_usm=False,
        resize_prob=[0.2, 0.7, 0.1],
        resize_range=[0.15, 1.5],
        gaussian_noise_prob=0.5,
        noise_range=[1, 30],
        poisson_scale_range=[0.05, 3],
        gray_noise_prob=0.4,
        jpeg_range=[30, 95],
        second_blur_prob=0.8,
        resize_prob2=[0.3, 0.4, 0.3],
        resize_range2=[0.3, 1.2],
        gaussian_noise_prob2=0.5,
        noise_range2=[1, 25],
        poisson_scale_range2=[0.05, 2.5],
        gray_noise_prob2=0.4,
        jpeg_range2=[30, 95],
        gt_size=256,
        queue_size=180,
    ),
    'video': training(
        'EDVRModel',
        {
            'type': 'EDVR',
            'num_in_ch': 3,
            'num_out_ch': 3,
            'num_feat': 64,
            'num_frame': 5,
            'deformable_groups': 8,
            'num_extract_block': 5,
            'num_reconstruct_block': 10,
            'center_frame_idx': None,
            'hr_in': False,
            'with_predeblur': False,
            'with_tsa': True,
        },
        VIDEO,
        {
            'optim_g': ADAM,
            'scheduler': COSINE,
            'total_iter': 600000,
            'warmup_iter': -1,
            'tsa_iter': 50000,
            'dcn_lr_mul': 1,
            'pixel_opt': {'type': 'CharbonnierLoss', 'loss_weight': 1.0, 'reduction': 'sum'},
        },
        find_unused_parameters=True,
    ),
    'windows': training(
        'SwinIRModel',
        {
            'type': 'SwinIR',
            'upscale': 4,
            'in_chans': 3,
            'img_size': 48,
            'window_size': 8,
            'img_range': 1.0,
            'depths': [6, 6],
            'embed_dim': 180,
            'num_heads': [6, 6],
            'mlp_ratio': 2,
            'upsampler': 'pixelshuffle',
            'resi_connection': '1conv',
        },
        PAIRED,
        PLAIN,
    ),
}
TEST = {
    'name': 'x',
    'model_type': 'SRModel',
    'scale': 4,
    'num_gpu': 1,
    'manual_seed': 0,
    'datasets': {
        'test_1': VAL,
        'test_2': {'name': 'own', 'type': 'SingleImageDataset', 'dataroot_lq': 'none/LR', 'io_backend': DISK},
    },
    'network_g': RRDB,
    'path': {'pretrain_network_g': 'none/net.pth', 'strict_load_g': True, 'resume_state': None},
    'val': {'save_img': True, 'suffix': None, 'metrics': TAIL['val']['metrics']},
}


def other_errors(findings: List[Finding]) -> List[str]:
    return [
        str(finding) for finding in findings if finding.severity == ERROR and 'does not exist' not in finding.problem
    ]


@pytest.mark.parametrize('name', SHAPES)
def test_shapes_of_training_files(check: Check, name: str) -> None:
    findings = check(yaml.safe_dump(SHAPES[name], sort_keys=False))
    assert other_errors(findings) == []
    dead = {
        finding.where.split(': ')[1]
        for finding in findings
        if finding.severity == WARNING and 'No code reads' in finding.problem
    }
    left = {'train.optim_d', 'train.gan_opt', 'train.net_d_iters', 'train.net_d_init_iters', 'network_d'}
    assert dead - {'datasets.train.use_shuffle', 'datasets.train.dataroot_flow', 'datasets.train.gt_size'} == (
        left if name == 'leftovers' else set()
    )


def test_shape_of_test_files(check: Check) -> None:
    findings = check(yaml.safe_dump(TEST, sort_keys=False), is_train=False)
    assert other_errors(findings) == []
    assert all(
        'does not exist' in finding.problem or finding.problem.startswith('psnr cannot be computed')
        for finding in findings
    )


def test_option_files_of_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = os.environ.get(FOLDER)
    if not folder:
        pytest.skip(f'{FOLDER} names no folder of option files')
    paths = [path for path in sorted(Path(folder).rglob('*.yml')) if path.name not in BROKEN_UPSTREAM]
    assert paths, folder
    root = Path(folder).parent if (Path(folder).parent / 'basicsr').is_dir() else tmp_path
    monkeypatch.chdir(root)
    wrong = {}
    for path in paths:
        option_file = read_option_file(path)
        errors = other_errors(check_options(option_file, root, bool(option_file.section('train'))))
        if errors:
            wrong[str(path)] = errors
    assert wrong == {}
