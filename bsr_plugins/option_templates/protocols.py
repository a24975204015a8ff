"""Data, schedules and measures that the methods' papers train and test by, by scale."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

BATCH_SIZE = 16
TRAIN_IMAGES = 800
SCALES = (2, 3, 4)


@dataclass(frozen=True)
class Schedule:
    """Optimizer, learning rate and length of a run, and what is measured on the way.

    Attributes:
        train: Lines under ``train`` from the optimizer to the losses.
        val_freq: Iterations between validations, and between saved checkpoints.
        enlarge_ratio: ``dataset_enlarge_ratio`` and the comment that gives its reason.
    """

    train: str
    val_freq: int
    enlarge_ratio: str


PUBLISHED = Schedule(
    val_freq=2500,
    enlarge_ratio='50  # an epoch is 800 * 50 / 16 = 2500 iterations, a stage: 15 whole ones, none cut short',
    train="""\
# no ema_decay: the published runs keep no moving average
optim_g:
  type: Adam
  lr: !!float 2e-4
  weight_decay: 0
  betas: [0.9, 0.999]  # Adam's defaults, as published; BasicSR's own files have 0.99

scheduler:
  type: MultiStepLR
  milestones: [17450]  # the authors halve at their epoch 200: 199 * 50 uniform + 3 * 2500 inverse iterations
  gamma: 0.5

total_iter: 37500  # 8 uniform and 7 inverse stages of 2500, the same for every method
warmup_iter: -1  # no warm up

# losses
pixel_opt:
  type: L1Loss
  loss_weight: 1.0
  reduction: mean
""")

SCORER = Schedule(
    val_freq=5000,
    enlarge_ratio='100  # an epoch is 800 * 100 / 16 = 5000 iterations; 200 whole ones',
    train="""\
ema_decay: 0.999
optim_g:
  type: Adam
  lr: !!float 2e-4
  weight_decay: 0
  betas: [0.9, 0.99]

scheduler:
  type: CosineAnnealingRestartLR
  periods: [250000, 250000, 250000, 250000]
  restart_weights: [1, 1, 1, 1]
  eta_min: !!float 1e-7

total_iter: 1000000
warmup_iter: -1  # no warm up

# losses
pixel_opt:
  type: L1Loss
  loss_weight: 1.0
  reduction: mean
""")

# Beside DIV2K's validation images, what BasicSR users keep under datasets/, with the images of each.
BENCHMARKS: Tuple[str, ...] = ('Set5', 'Set14')
FURTHER_BENCHMARKS: Tuple[str, ...] = ('B100', 'Urban100', 'Manga109')

HR_FOLDER = 'datasets/DIV2K/DIV2K_train_HR'
_WINDOWS: Dict[int, int] = {2: 128, 3: 129, 4: 128}


def window(scale: int) -> int:
    """Side of the HR sub-images, which is the published patch size too: 128, for x3 129."""
    return _WINDOWS[scale]


def patch_size(scale: int, lr_multiple: int = 1) -> int:
    """Largest HR patch that fits the window and whose LR side is a multiple of ``lr_multiple``."""
    unit = scale * lr_multiple
    return window(scale) // unit * unit


def lr_folder(scale: int) -> str:
    """DIV2K's bicubic LR images."""
    return f'datasets/DIV2K/DIV2K_train_LR_bicubic/X{scale}'


def subimage_folder(scale: int) -> str:
    """Where ``create_subimage_lmdb.py --out`` puts the LMDBs; x2 and x4 share a window grid and so their HR LMDB."""
    return f'datasets/DIV2K/sub_{window(scale)}'
