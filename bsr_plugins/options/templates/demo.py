"""The demo's grid and its base: BSPA beside plain training, short enough for a CPU, on images of scikit-image."""

from __future__ import annotations

from textwrap import indent
from typing import Callable, Dict

from bsr_plugins.options.templates import blocks
from bsr_plugins.options.templates.networks import NETWORKS
from bsr_plugins.options.templates.setting import Setting, yaml_text

SCALE = 4
GRID, BASE = f'demo/grid_x{SCALE}.yml', f'demo/train_baseline_x{SCALE}.yml'
_IN_THE_DEMO = '# (in a clone, `bash tools/demo.sh` does this and everything before it)\n'
# The keys of BSPA are fewer and smaller than those of the name `bspa` alone, so that the demo ends in minutes.
_GRID = """\
# The demo: BSPA (NeurIPS 2023) beside plain training, each of 1,400 updates, one seed, on images of scikit-image.
#
# basicsr compare {file}
{in_the_demo}
name: {name}
base: {base}

methods:
  - baseline: {{}}  # the base as it is
  - bspa:
      model_type: BSPAModel
      # the inverse-sampled half (Sec. 3.2); it takes over scale, batch size, workers, flips and rotations
      datasets:train:inverse:
        type: InverseSampledLMDBDataset
        dataroot_gt: datasets/demo/sub_128/HR_sub.lmdb
        dataroot_lq: datasets/demo/sub_128/LR_sub_x4.lmdb
        io_backend:
          type: lmdb
        num_classes: 10
        imbalance_factor: 10
        gt_size: 96  # as the uniform half; published: the whole window
      # what BSPAModel does besides
      train:bspa:
        interval_iter: 200  # 4 uniform and 3 inverse stages make up the 1,400 updates, a round after each inverse one
        inverse_iter: 200
        beta: 0.1
        ig_steps: 4
        ig_batches: 8  # published: 50

twin: baseline
seeds: [0]  # one: an example, not a benchmark

test:
  demo_test:
    gt: datasets/demo/test_HR
    lq: datasets/demo/test_LR
"""


def demo_files() -> Dict[str, Callable[[Setting], str]]:
    """Return the demo's files: path below ``options/`` -> function of the setting that returns the text."""
    return {GRID: _grid, BASE: _base}


def _grid(setting: Setting) -> str:
    beside = setting.out is None
    return _GRID.format(
        file=setting.file_or(f'options/{GRID}'),
        in_the_demo=_IN_THE_DEMO if setting.file is None else '',
        name=yaml_text(setting.name or 'demo'),
        base=BASE.split('/')[-1] if beside else f'options/{BASE}',
    )


def _base(setting: Setting) -> str:
    network = indent('type: FSRCNN\n' + NETWORKS['FSRCNN'].options.format(scale=SCALE), '    ')
    return f"""\
# The demo's plain training, the base of its grid: L1 on windows drawn uniformly, by BasicSR's own model.
#
# basicsr train -opt {setting.file_or(f'options/{BASE}')}
{_IN_THE_DEMO if setting.file is None else ''}
# general settings
name: {yaml_text(setting.name or 'demo_baseline')}
model_type: SRModel
scale: 4
num_gpu: 0  # the CPU, so that every machine gets comparable figures; auto takes the GPU
manual_seed: 0

# dataset and data loader settings
datasets:
  train:
    name: demo_train
    type: PairedImageDataset
    dataroot_gt: datasets/demo/sub_128/HR_sub.lmdb  # windows, the long tail as it is: most of them are easy
    dataroot_lq: datasets/demo/sub_128/LR_sub_x4.lmdb
    filename_tmpl: '{{}}'
    io_backend:
      type: lmdb

    gt_size: 96  # smaller than the published 128: more updates in the same time
    use_hflip: true
    use_rot: true

    # data loader
    num_worker_per_gpu: 0  # windows this small cost less to read than to pass between processes
    batch_size_per_gpu: 16
    dataset_enlarge_ratio: 10
    prefetch_mode: ~

  val:  # the held-out images: for the curves alone, nothing is chosen by them
    name: demo_test
    type: PairedImageDataset
    dataroot_gt: datasets/demo/test_HR
    dataroot_lq: datasets/demo/test_LR
    io_backend:
      type: disk

# network structures
network_g:
  type: BicubicResidual  # bare FSRCNN stays below bicubic for longer than the demo trains
  upscale: 4
  base:
{network}
# path
path:
  pretrain_network_g: ~
  strict_load_g: true
  resume_state: ~

# training settings
train:
  optim_g:
    type: Adam
    lr: !!float 1e-3  # five times the published one, for a run this short
    weight_decay: 0
    betas: [0.9, 0.999]

  scheduler:
    type: MultiStepLR
    milestones: [1000, 1300]
    gamma: 0.5

  total_iter: 1400  # gradient updates, the same for both methods
  warmup_iter: -1  # no warm up

  # losses
{indent(blocks.L1, '  ')}
# validation settings
val:
  val_freq: 100
  save_img: false
  pbar: false
  metrics:
    psnr:
      type: calculate_psnr
      crop_border: 4
      test_y_channel: true

# logging settings
logger:
  print_freq: 20
  save_checkpoint_freq: 100000  # the end alone
  use_tb_logger: false
  wandb:
    project: ~
    resume_id: ~

# dist training settings
dist_params:
  backend: nccl
  port: 29500
"""
