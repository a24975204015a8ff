"""A small project that is whole: images, LMDBs, difficulty, option files, a run of four iterations."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, Sequence

import pytest

from bsr_plugins.runs import training_position
from training_runs import assert_equal, forget_log_files

NETWORK = 'network_g: {type: FSRCNN, num_in_ch: 3, num_out_ch: 3, upscale: 2, d: 4, s: 2, m: 1}'
TRAIN = f"""\
name: t
model_type: BSPAModel
scale: 2
num_gpu: 0
manual_seed: 3
datasets:
  train:
    name: train
    type: PairedImageDataset
    dataroot_gt: data/HR
    dataroot_lq: data/LR
    io_backend: {{type: disk}}
    gt_size: 32
    use_hflip: true
    use_rot: true
    num_worker_per_gpu: 0
    batch_size_per_gpu: 2
    dataset_enlarge_ratio: 20
    prefetch_mode: ~
    inverse: {{type: InverseSampledLMDBDataset, dataroot_gt: sub/HR_sub.lmdb, dataroot_lq: sub/LR_sub_x2.lmdb,
              num_classes: 3, imbalance_factor: 2, gt_size: 32}}
  val: {{name: val, type: PairedImageDataset, dataroot_gt: data/HR, dataroot_lq: data/LR, io_backend: {{type: disk}}}}
{NETWORK}
path: {{pretrain_network_g: ~, strict_load_g: true, resume_state: ~}}
train:
  ema_decay: 0.9
  optim_g: {{type: Adam, lr: !!float 1e-3}}
  scheduler: {{type: MultiStepLR, milestones: [20], gamma: 0.5}}
  total_iter: 4
  warmup_iter: -1
  pixel_opt: {{type: L1Loss, loss_weight: 1.0, reduction: mean}}
  bspa: {{interval_iter: 2, inverse_iter: 1, beta: 0.8, ig_steps: 2, ig_batches: 1}}
val: {{val_freq: 100, save_img: false, metrics: {{psnr: {{type: calculate_psnr, crop_border: 2}}}}}}
logger: {{print_freq: 1, save_checkpoint_freq: 2, use_tb_logger: false, wandb: ~}}
"""
TEST = f"""\
name: t_test
model_type: RebalancedSRModel
scale: 2
num_gpu: 0
datasets:
  test: {{name: x, type: PairedImageDataset, dataroot_gt: data/HR, dataroot_lq: data/LR, io_backend: {{type: disk}}}}
{NETWORK}
path: {{pretrain_network_g: experiments/t/models/net_g_4.pth}}
val: {{save_img: false, metrics: {{psnr: {{type: calculate_psnr, crop_border: 2}}}}}}
"""


def make_images(root: Path, count: int = 4, side: int = 64) -> None:
    """Write ``count`` pairs of noise under root/data, HR of ``side`` and LR of half of it."""
    import cv2
    import numpy as np

    generator = np.random.default_rng(0)
    for name, edge in (('HR', side), ('LR', side // 2)):
        (root / 'data' / name).mkdir(parents=True)
        for index in range(count):
            cv2.imwrite(
                str(root / 'data' / name / f'{index:04d}.png'),
                generator.integers(0, 256, (edge, edge, 3), dtype=np.uint8),
            )


def load_tool(repo: Path, name: str) -> ModuleType:
    """Import tools/NAME.py."""
    spec = importlib.util.spec_from_file_location(name, repo / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def call(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Sequence[str], Path], int]]:
    """Return ``call([program, *arguments], folder)``: basicsr, or a tool, in this process; its exit code."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv('BSR_PLUGINS_CPU', '1')
    monkeypatch.setattr(sys, 'argv', sys.argv)
    monkeypatch.setattr(sys, 'path', list(sys.path))

    def run(command: Sequence[str], folder: Path) -> int:
        from bsr_plugins.cli.main import main

        program, *arguments = command
        monkeypatch.chdir(folder)
        if program != 'basicsr':
            main = load_tool(repo, program).main
        training_position.reset()
        forget_log_files()
        try:
            return main(arguments)
        except SystemExit as stop:  # argparse
            return stop.code if isinstance(stop.code, int) else 1

    yield run
    torch.set_num_threads(threads)
    training_position.reset()


@pytest.fixture(scope='session')
def whole_project(tmp_path_factory: pytest.TempPathFactory, repo: Path) -> Path:
    """Make the project, through the commands that a user types."""
    pytest.importorskip('basicsr')
    root = tmp_path_factory.mktemp('whole') / 'project'
    make_images(root)
    (root / 'train.yml').write_text(TRAIN)
    (root / 'test.yml').write_text(TEST)
    from bsr_plugins.cli.main import main
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.difficulty.scoring import score_difficulty
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    before = os.getcwd(), sys.argv, dict(os.environ)
    os.chdir(root)
    try:
        create_subimage_lmdbs('data/HR', 'sub', 2, lr='data/LR', grid=WindowGrid(32, 32, 0), progress=False)
        score_difficulty('sub/HR_sub.lmdb', 'sub/LR_sub_x2.lmdb', 2, bicubic_scorer(2), progress=False)
        training_position.reset()
        forget_log_files()
        assert main(['train', '-opt', 'train.yml']) == 0
        shutil.copy('experiments/t/models/net_g_4.pth', 'net_g.pth')
    finally:
        os.chdir(before[0])
        sys.argv = before[1]
        # The command asks for the CPU by a variable that would outlive it here.
        os.environ.clear()
        os.environ.update(before[2])
        training_position.reset()
    return root


@pytest.fixture
def project(whole_project: Path, tmp_path: Path) -> Path:
    """Return a copy of the whole project that a test may spoil."""
    shutil.copytree(whole_project, tmp_path / 'project')
    return tmp_path / 'project'


@pytest.fixture
def environment(repo: Path) -> Dict[str, Any]:
    """The environment of processes that a test starts."""
    return {**os.environ, 'PYTHONPATH': str(repo), 'OMP_NUM_THREADS': '1'}


@pytest.fixture
def same() -> Callable[[Any, Any], None]:
    """Return the bit-for-bit comparison of nested states."""
    return assert_equal
