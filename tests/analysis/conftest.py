"""A comparison of tiny images and logs, as a grid leaves them: three methods, two seeds, one run that failed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bsr_plugins.analysis.compared_runs import ComparedRuns, FailedRun, TestedRun, TestSet

IMAGES = ('plain', 'x<y&z', 'a|b', 'four', 'five')
LOG = (
    '2026-01-01 10:00:00,000 INFO: bsr_plugins 9.9, revision 0123456789ab\n'
    '\tBasicSR: 1.4.2\n\tPyTorch: 2.0\n'
    '2026-01-01 10:00:01,000 INFO: Network: MSRResNet, with parameters: 6,867\n'
    '2026-01-01 10:01:30,000 INFO: [t..][epoch:  0, iter:      90, lr:(1.000e-03,)] [eta: 0:00:01, time (data): 0.1 '
    '(0.0)] l_pix: 1.0000e-02 \n'
)


def option_values(seed: int, weight: float = 1.0, total: int = 100) -> dict:
    return {
        'name': f'run_{seed}',
        'model_type': 'SRModel',
        'num_gpu': 0,
        'manual_seed': seed,
        'network_g': {'type': 'MSRResNet', 'upscale': 4},
        'datasets': {'train': {'dataroot_gt': 'hr', 'dataroot_lq': 'nowhere'}},
        'train': {'total_iter': total, 'pixel_opt': {'type': 'L1Loss', 'loss_weight': weight}},
        'logger': {'print_freq': 30},
        'path': {'experiments_root': str(seed)},
    }


@pytest.fixture(scope='session')
def compared(tmp_path_factory) -> ComparedRuns:
    root = tmp_path_factory.mktemp('compared')
    rng = np.random.default_rng(0)
    for folder in ('hr', 'lr'):
        (root / folder).mkdir()
    originals = {}
    for name in IMAGES:
        hr = cv2.resize(rng.integers(0, 255, (12, 12, 3), np.uint8), (48, 40), interpolation=cv2.INTER_CUBIC)
        originals[name] = hr
        cv2.imwrite(str(root / 'hr' / f'{name}.png'), hr)
        cv2.imwrite(str(root / 'lr' / f'{name}.png'), cv2.resize(hr, (12, 10), interpolation=cv2.INTER_AREA))

    def run(method: str, seed: int, noise: float, weight: float = 1.0, total: int = 100) -> TestedRun:
        name = f'{method}_{seed}'.replace('<', '_')
        images = root / 'tests' / f'{name}_{total}'
        experiment = root / 'experiments' / f'{name}_{total}'
        for folder in (images, experiment):
            folder.mkdir(parents=True)
        (experiment / 'train_x_1.log').write_text(LOG)
        draw = np.random.default_rng([seed, total])
        for image, hr in originals.items():
            sr = (hr + draw.normal(0, noise, hr.shape)).clip(0, 255).round().astype(np.uint8)
            cv2.imwrite(str(images / f'{image}_t.png'), sr)
        weights = experiment / 'models/net_g_latest.pth'
        return TestedRun(method, seed, experiment, option_values(seed, weight, total), weights, {'S<1>': images}, '_t')

    return ComparedRuns(
        'trial <1>',
        4,
        ('twin', 'good<b>', 'same'),
        {'good<b>': 'twin', 'same': 'twin'},
        (
            *(run('twin', seed, 10) for seed in (0, 1, 2)),
            *(run('good<b>', seed, 8, weight=0.5) for seed in (0, 1, 2)),
            run('same', 0, 10),
        ),
        (TestSet('S<1>', Path(root / 'hr'), Path(root / 'lr')),),
        failed=(FailedRun('same', 1, 'the disk is full\nat <line> 2'),),
        as_published={'good<b>': (run('twin', 3, 12, total=60),)},
        seconds={'training': 2.25},
        commands=('basicsr train -opt <x>.yml',),
    )
