"""``basicsr train`` and ``basicsr test`` for real: stock SRModel, two iterations, through the unchanged pipelines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import warm_python

COMMON = """\
scale: 2
num_gpu: 0
manual_seed: 0
network_g: {type: EDSR, num_in_ch: 3, num_out_ch: 3, num_feat: 4, num_block: 1, upscale: 2}
val: {val_freq: 2, save_img: false, metrics: {psnr: {type: calculate_psnr, crop_border: 2}}}
"""
TRAIN = (
    COMMON
    + """\
name: tiny
model_type: SRModel
datasets:
  train:
    name: tiny
    type: PairedImageDataset
    dataroot_gt: data/HR
    dataroot_lq: data/LR
    io_backend: {type: disk}
    gt_size: 16
    use_hflip: true
    use_rot: true
    num_worker_per_gpu: 1
    batch_size_per_gpu: 2
  val: {name: val, type: PairedImageDataset, dataroot_gt: data/HR, dataroot_lq: data/LR, io_backend: {type: disk}}
path: {pretrain_network_g: ~, resume_state: ~}
train:
  optim_g: {type: Adam, lr: !!float 1e-4}
  scheduler: {type: MultiStepLR, milestones: [2]}
  total_iter: 200
  pixel_opt: {type: L1Loss}
logger: {print_freq: 1, save_checkpoint_freq: 2, use_tb_logger: false}
"""
)
TEST = (
    COMMON
    + """\
name: tiny_test
model_type: SRModel
datasets:
  test_1: {name: set, type: PairedImageDataset, dataroot_gt: data/HR, dataroot_lq: data/LR, io_backend: {type: disk}}
path: {pretrain_network_g: experiments/tiny/models/net_g_2.pth}
"""
)


@pytest.fixture(scope='module')
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('project')
    generator = np.random.default_rng(0)
    for name, side in (('HR', 32), ('LR', 16)):
        (root / 'data' / name).mkdir(parents=True)
        for index in range(4):
            cv2.imwrite(
                str(root / 'data' / name / f'{index}.png'), generator.integers(0, 256, (side, side, 3), dtype=np.uint8)
            )
    (root / 'train.yml').write_text(TRAIN)
    (root / 'test.yml').write_text(TEST)
    return root


def run(root: Path, *arguments: str) -> Any:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )


def test_train_then_test(project: Path) -> None:
    script = 'import sys; from bsr_plugins.cli.main import main; sys.exit(main({!r}))'
    trained = run(project, '-c', script.format(['train', '-opt', 'train.yml', '--force_yml', 'train:total_iter=2']))
    assert trained.returncode == 0, trained.stderr
    assert 'End of training' in trained.stdout + trained.stderr
    assert (project / 'experiments' / 'tiny' / 'models' / 'net_g_2.pth').is_file()
    assert (project / 'experiments' / 'tiny' / 'training_states' / '2.state').is_file()
    assert '-opt train.yml --force_yml train:total_iter=2' in (project / 'experiments/tiny/train.yml').read_text()

    tested = warm_python.run('-m', 'bsr_plugins', 'test', '-opt', 'test.yml', cwd=project, env=os.environ)
    assert tested.returncode == 0, tested.stdout
    assert '# psnr: ' in tested.stdout
    assert list((project / 'results' / 'tiny_test').glob('test_tiny_test_*.log'))


def test_missing_data_stop_before_torch(project: Path) -> None:
    text = TRAIN.replace('data/', 'gone/').replace('L1Loss', 'L1Los').replace('name: tiny', 'name: stopped')
    (project / 'wrong.yml').write_text(text)
    script = (
        'import sys; from bsr_plugins.cli.main import main; code = main(["train", "-opt", "wrong.yml"]); '
        'print(code, {"torch", "basicsr", "cv2"} & set(sys.modules))'
    )
    done = run(project, '-c', script)
    assert done.stdout == '2 set()\n'
    assert done.stderr.count('The folder does not exist: gone/') == 4 and "did you mean 'L1Loss'?" in done.stderr
    assert '\n5 errors, 0 warnings\n' in done.stderr
    assert not (project / 'experiments' / 'stopped').exists()


@pytest.mark.slow
def test_two_processes_and_their_spawned_workers_under_torchrun(project: Path) -> None:
    text = TRAIN.replace('name: tiny', 'name: two', 1)
    text = text.replace('gt_size: 16', 'gt_size: 16\n    dataset_enlarge_ratio: 4')
    (project / 'two.yml').write_text(text)
    port = 20000 + os.getpid() % 20000
    done = run(
        project,
        '-m',
        'torch.distributed.run',
        '--nproc_per_node',
        '2',
        '--master_port',
        str(port),
        '-m',
        'bsr_plugins',
        'train',
        '-opt',
        'two.yml',
        '--launcher',
        'pytorch',
        '--force_yml',
        'train:total_iter=2',
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert (project / 'experiments' / 'two' / 'models' / 'net_g_2.pth').is_file()
