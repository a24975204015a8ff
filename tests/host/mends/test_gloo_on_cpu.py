"""Two training processes on a machine without CUDA."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from two_processes import train_in_two

REPO = Path(__file__).resolve().parents[3]

OPTIONS = """
name: gloo
model_type: SRModel
scale: 2
num_gpu: 0
manual_seed: 3
datasets:
  train:
    name: tiny
    type: PairedImageDataset
    dataroot_gt: gt
    dataroot_lq: lq
    io_backend: {type: disk}
    gt_size: 16
    use_hflip: true
    use_rot: true
    num_worker_per_gpu: {workers}
    batch_size_per_gpu: 1
    dataset_enlarge_ratio: 1
    prefetch_mode: ~
  val:
    name: tiny
    type: PairedImageDataset
    dataroot_gt: gt
    dataroot_lq: lq
    io_backend: {type: disk}
network_g: {type: EDSR, num_in_ch: 3, num_out_ch: 3, num_feat: 8, num_block: 1, upscale: 2}
path: {pretrain_network_g: ~, strict_load_g: true, resume_state: ~}
train:
  ema_decay: 0
  optim_g: {type: Adam, lr: !!float 1e-3, weight_decay: 0, betas: [0.9, 0.99]}
  scheduler: {type: MultiStepLR, milestones: [100], gamma: 0.5}
  total_iter: 4
  warmup_iter: -1
  pixel_opt: {type: L1Loss, loss_weight: 1.0, reduction: mean}
val:
  val_freq: 4
  save_img: false
  metrics: {psnr: {type: calculate_psnr, crop_border: 2, test_y_channel: true}}
logger: {print_freq: 1, save_checkpoint_freq: 4, use_tb_logger: false, wandb: {project: ~, resume_id: ~}}
dist_params: {backend: nccl, port: 29500}
"""

# Each rank writes a checksum of its weights, which are equal where gradients were exchanged.
CHECKSUMS = """
import os

from basicsr.models.sr_model import SRModel


def write_checksums():
    optimize_parameters = SRModel.optimize_parameters

    def and_write(self, current_iter):
        optimize_parameters(self, current_iter)
        name = type(self.net_g).__name__
        total = sum(value.double().sum().item() for value in self.get_bare_model(self.net_g).state_dict().values())
        sample = self.lq.double().sum().item()
        with open(f'rank{os.environ["RANK"]}.txt', 'a') as file:
            print(current_iter, name, repr(total), repr(sample), file=file)

    SRModel.optimize_parameters = and_write
"""
# BasicSR's own pipeline under torchrun.
SCRIPT = """
import os

import bsr_plugins
from checksums import write_checksums
from basicsr.train import train_pipeline

if __name__ == '__main__':
    write_checksums()
    train_pipeline(os.getcwd())
"""


def write_data(root: Path, workers: int) -> None:
    cv2 = pytest.importorskip('cv2')
    generator = np.random.default_rng(0)
    for folder, size in (('gt', 24), ('lq', 12)):
        (root / folder).mkdir()
        for index in range(4):
            image = generator.integers(0, 256, (size, size, 3), np.uint8)
            cv2.imwrite(str(root / folder / f'{index}.png'), image)
    (root / 'checksums.py').write_text(CHECKSUMS)
    (root / 'forked.py').write_text('from checksums import write_checksums\nwrite_checksums()\n')
    (root / 'x.yml').write_text(OPTIONS.replace('{workers}', str(workers)))


def torchrun(root: Path) -> str:
    (root / 'script.py').write_text(SCRIPT)
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2', 'script.py']
    done = subprocess.run(
        [*command, '-opt', 'x.yml', '--launcher', 'pytorch'],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(REPO)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.mark.parametrize('workers', [0, pytest.param(1, marks=pytest.mark.slow)])
def test_unmodified_basicsr_trains_in_two_processes(workers: int, tmp_path: Path, no_cuda: None) -> None:
    """With a worker under torchrun: spawned ones that unpickle a stock data set are part of it."""
    pytest.importorskip('basicsr')
    write_data(tmp_path, workers)
    output = torchrun(tmp_path) if workers else train_in_two(tmp_path, 'x.yml', first='forked')
    ranks = [[line.split() for line in (tmp_path / f'rank{rank}.txt').read_text().splitlines()] for rank in (0, 1)]
    assert [line[0] for line in ranks[0]] == ['1', '2', '3', '4']
    assert {line[1] for rank in ranks for line in rank} == {'DistributedDataParallel'}
    assert [line[2] for line in ranks[0]] == [line[2] for line in ranks[1]], 'the weights of the ranks differ'
    assert len({line[2] for line in ranks[0]}) == 4, 'the weights did not move'
    assert [line[3] for line in ranks[0]] != [line[3] for line in ranks[1]], 'the ranks were given the same samples'
    assert 'End of training' in output and '# psnr:' in output
    assert (tmp_path / 'experiments' / 'gloo' / 'models' / 'net_g_latest.pth').is_file()


def test_upstream_divides_by_the_number_of_gpus(no_cuda: None, monkeypatch: pytest.MonkeyPatch) -> None:
    dist_util = pytest.importorskip('basicsr.utils.dist_util')
    monkeypatch.setenv('RANK', '0')
    with pytest.raises(ZeroDivisionError):
        inspect.unwrap(dist_util._init_dist_pytorch)('nccl')


@pytest.fixture
def process_group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    dist_util = pytest.importorskip('basicsr.utils.dist_util')
    import torch.distributed as dist

    dist_util._init_dist_pytorch('nccl', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    yield dist
    dist.destroy_process_group()


def test_the_mended_launch_takes_gloo_whatever_is_asked(no_cuda: None, process_group: Any) -> None:
    assert process_group.get_backend() == 'gloo'


def test_a_wrapped_network(no_cuda: None, process_group: Any) -> None:
    import torch
    from basicsr.models import base_model

    model = base_model.BaseModel({'num_gpu': 0, 'is_train': True, 'dist': True})
    network = torch.nn.Linear(2, 2)
    wrapped = model.model_to_device(network)
    assert isinstance(wrapped, torch.nn.parallel.DistributedDataParallel)
    assert wrapped.device_ids is None and wrapped.module is network
    assert type(wrapped).__name__ == 'DistributedDataParallel'
    assert model.get_bare_model(wrapped) is network
    upstream_class = type(wrapped).__mro__[1]
    with pytest.raises((RuntimeError, AssertionError, ValueError)):
        upstream_class(network, device_ids=[0])
