"""The option files of the demo: BSPA and its twin, short enough for a CPU, on images that come with scikit-image."""

from __future__ import annotations

import functools
from textwrap import indent
from typing import Callable, Dict

from bsr_plugins.options.templates import blocks
from bsr_plugins.options.templates.networks import NETWORKS
from bsr_plugins.options.templates.setting import Setting, yaml_text

SCALE = 4
#: Method -> its model in training; what its training is; what its network is called.
_MODELS = {'baseline': 'SRModel', 'bspa': 'BSPAModel'}
_TRAINING = {
    'baseline': "The demo's plain training: L1 on windows drawn uniformly, by BasicSR's own model. The twin of "
    'train_bspa_x4.yml.',
    'bspa': "The demo's BSPA run (NeurIPS 2023) at as many updates as its twin train_baseline_x4.yml.",
}
_NETWORK = {'baseline': 'plain', 'bspa': 'BSPA'}
_INVERSE = """\

# the inverse-sampled half (Sec. 3.2); it takes over scale, batch size, workers, flips and rotations
inverse:
  type: InverseSampledLMDBDataset
  dataroot_gt: datasets/demo/sub_128/HR_sub.lmdb
  dataroot_lq: datasets/demo/sub_128/LR_sub_x4.lmdb
  io_backend:
    type: lmdb
  num_classes: 10
  imbalance_factor: 10
  gt_size: 96  # as the uniform half; published: the whole window
"""
_BSPA = """\

# what BSPAModel does besides
bspa:
  interval_iter: 200  # 4 uniform and 3 inverse stages make up the 1,400 iterations, a round after each inverse one
  inverse_iter: 200
  beta: 0.1
  ig_steps: 8
  ig_batches: 8  # published: 50
"""
_METRICS = """\
metrics:
  psnr:
    type: calculate_psnr
    crop_border: 4
    test_y_channel: true
"""
_SSIM = """\
  ssim:
    type: calculate_ssim
    crop_border: 4
    test_y_channel: true
"""


def demo_files() -> Dict[str, Callable[[Setting], str]]:
    """Return the demo's option files: path below ``options/`` -> function of the setting that returns the text."""
    made = {'train': _training, 'test': _test}
    return {
        f'demo/{kind}_{method}_x{SCALE}.yml': functools.partial(make, method)
        for kind, make in made.items()
        for method in _MODELS
    }


def _name(method: str, setting: Setting) -> str:
    return setting.name or f'demo_{method}'


def _general(method: str, setting: Setting, model: str, comment: str = '') -> str:
    return f"""\
# general settings
name: {yaml_text(_name(method, setting))}
model_type: {model}
scale: 4
num_gpu: 0{comment}
manual_seed: 0
"""


def _held_out(key: str, comment: str = '') -> str:
    return f"""\
  {key}:{comment}
    name: demo_test
    type: PairedImageDataset
    dataroot_gt: datasets/demo/test_HR
    dataroot_lq: datasets/demo/test_LR
    io_backend:
      type: disk
"""


def _network(comment: str = '') -> str:
    base = 'type: FSRCNN\n' + NETWORKS['FSRCNN'].options.format(scale=SCALE)
    return f"""\
# network structures
network_g:
  type: BicubicResidual{comment}
  upscale: 4
  base:
{indent(base, '    ')}"""


def _training(method: str, setting: Setting) -> str:
    bspa = method == 'bspa'
    in_the_demo = '# (in a clone, `bash tools/demo.sh` does this and everything before and after it)\n'
    if setting.file is not None:
        in_the_demo = ''
    on_the_cpu = '  # the CPU, so that every machine gets comparable figures; auto takes the GPU'
    return f"""\
# {_TRAINING[method]}
#
# basicsr train -opt {setting.file_or(f'options/demo/train_{method}_x4.yml')}
{in_the_demo}
{_general(method, setting, _MODELS[method], on_the_cpu)}
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
{indent(_INVERSE, '    ') if bspa else ''}
{_held_out('val', '  # the held-out images: for the curves alone, nothing is chosen by them')}
{_network('  # bare FSRCNN stays below bicubic for longer than the demo trains')}
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

  total_iter: 1400  # gradient updates, the same for both
  warmup_iter: -1  # no warm up

  # losses
{indent(blocks.L1 + (_BSPA if bspa else ''), '  ')}
# validation settings
val:
  val_freq: 100
  save_img: false
  pbar: false
{indent(_METRICS, '  ')}
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


def _test(method: str, setting: Setting) -> str:
    return f"""\
# Tests the demo's {_NETWORK[method]} network on the held-out images: PSNR and SSIM on Y, border cropped by the scale.
#
# basicsr test -opt {setting.file_or(f'options/demo/test_{method}_x4.yml')}

{_general(method, setting, 'SRModel')}
datasets:
{_held_out('test_1')}
{_network()}
# path
path:
  pretrain_network_g: experiments/demo_{method}/models/net_g_latest.pth
  strict_load_g: true

# validation settings
val:
  save_img: true  # results/{_name(method, setting)}/visualization/demo_test
  suffix: ~  # the images are named <image>_{_name(method, setting)}.png
  pbar: false

{indent(_METRICS + _SSIM, '  ')}"""
