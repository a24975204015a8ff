"""How the methods' papers train and test: patches, schedules, measures; a method shares its protocol with its twin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Dict, Tuple

from bsr_plugins.options.templates.networks import FPL_NETWORKS, NETWORKS, Network

BATCH_SIZE = 16
TRAIN_IMAGES = 800
SCALES = (2, 3, 4)


@dataclass(frozen=True)
class Schedule:
    """Optimizer, learning rate and length of a run, and what is measured on the way.

    Attributes:
        train: Lines under ``train`` from the optimizer up to the losses.
        val_freq: Iterations between validations, and between saved checkpoints.
        enlarge_ratio: ``dataset_enlarge_ratio`` and the comment that gives its reason.
    """

    train: str
    val_freq: int
    enlarge_ratio: str


@dataclass(frozen=True)
class Protocol:
    """What a method's file has in common with its twin's.

    Attributes:
        schedule: The schedule, by the network's name.
        lr_patch: Scale -> side of the LR patches.
        patch_reason: Comment beside the HR patch.
        data_note: Comment on the images that patches are cut from.
        rgb: Whether the paper measures on RGB; Y then stands beside it.
        measures: Comment on the channels that are measured.
        networks: Networks that have another size than elsewhere.
    """

    schedule: Callable[[str], Schedule]
    lr_patch: Dict[int, int]
    patch_reason: str = ''
    data_note: str = ''
    rgb: bool = False
    measures: str = 'the protocol of the papers: Y'
    networks: Dict[str, Network] = field(default_factory=dict)

    def network(self, net: str) -> Network:
        """Return the network's row, in this protocol's size."""
        return self.networks.get(net, NETWORKS[net])

    def gt_size(self, scale: int, lr_multiple: int = 1) -> int:
        """Return the HR patch: that of the paper, or the largest below it whose LR side fits ``lr_multiple``."""
        return self.lr_patch[scale] // lr_multiple * lr_multiple * scale


# ---------------------------------------------------------------------- BSPA
def _published(net: str) -> Schedule:
    return Schedule(
        val_freq=2500,
        enlarge_ratio='50  # an epoch is 800 * 50 / 16 = 2500 iterations, one stage; the run has 15',
        train="""\
# no ema_decay: the published runs have no moving average of the weights
optim_g:
  type: Adam
  lr: !!float 2e-4
  weight_decay: 0
  betas: [0.9, 0.999]  # Adam's defaults, as published; BasicSR's own files have 0.99

scheduler:
  type: MultiStepLR
  milestones: [17450]  # the authors halve it at epoch 200: after 199 * 50 uniform + 3 * 2500 inverse iterations
  gamma: 0.5

total_iter: 37500  # BSPA's 8 uniform and 7 inverse stages of 2500; the same for every method compared with it
warmup_iter: -1  # no warm up
""",
    )


def _scorer(net: str) -> Schedule:
    return Schedule(
        val_freq=5000,
        enlarge_ratio=_HUNDRED.format(200),
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
""",
    )


# ---------------------------------------------------------------------- FPL
FAST_NETWORKS = ('FSRCNN', 'CARN')
SHORT_NETWORKS = ('FSRCNN', 'SwinIR')


def _fpl(net: str) -> Schedule:
    lr = '1e-3  # for FSRCNN and CARN; 2e-4 for the others' if net in FAST_NETWORKS else '2e-4  # FSRCNN, CARN: 1e-3'
    total, whose = (500000, 'for FSRCNN and SwinIR') if net in SHORT_NETWORKS else (1000000, 'for the larger CNNs')
    return Schedule(
        val_freq=5000,
        enlarge_ratio=_HUNDRED.format(total // 5000),
        train=f"""\
# where the paper and its published code differ (batch 16 or 64, length, eta_min), this is the paper, since its tables
# are what one compares with; no ema_decay: it has no moving average of the weights
optim_g:
  type: Adam
  lr: !!float {lr}
  weight_decay: 0
  betas: [0.9, 0.999]  # Adam's defaults

scheduler:
  type: CosineAnnealingRestartLR
  periods: [{total}]
  restart_weights: [1]
  eta_min: !!float 1e-7  # the code has 1e-6

total_iter: {total}  # the paper's, {whose}; the code has 500000 for all networks, at batch 64
warmup_iter: -1  # no warm up
""",
    )


# ---------------------------------------------------------------------- l_E
def _edsr(net: str) -> Schedule:
    return Schedule(
        val_freq=5000,
        enlarge_ratio=_HUNDRED.format(200),
        train="""\
# no ema_decay: the paper has no moving average of the weights
optim_g:
  type: Adam
  lr: !!float 1e-4
  weight_decay: 0
  betas: [0.9, 0.999]  # Adam's defaults, as in EDSR (and eps 1e-8)

scheduler:
  type: MultiStepLR
  milestones: [200000, 400000, 600000, 800000]
  gamma: 0.5

total_iter: 1000000
warmup_iter: -1  # no warm up
""",
    )


# ---------------------------------------------------------------------- BSR
def _bsr(net: str) -> Schedule:
    return Schedule(
        val_freq=5000,
        enlarge_ratio=_HUNDRED.format(60),
        train="""\
# the paper gives the learning rate and its drop every 100 epochs; batch, epoch (1000 updates) and length (300 epochs)
# are those of EDSR's code
optim_g:
  type: Adam
  lr: !!float 2e-4
  weight_decay: 0
  betas: [0.9, 0.999]

scheduler:
  type: MultiStepLR
  milestones: [100000, 200000]
  gamma: 0.1

total_iter: 300000
warmup_iter: -1  # no warm up
""",
    )


_HUNDRED = '100  # an epoch is 800 * 100 / 16 = 5000 iterations; the run has {}'

BSPA = Protocol(schedule=_published, lr_patch={2: 64, 3: 43, 4: 32}, patch_reason='HR patches of the paper')
SCORER = Protocol(schedule=_scorer, lr_patch=dict.fromkeys(SCALES, 32))
FPL = Protocol(
    schedule=_fpl,
    lr_patch=dict.fromkeys(SCALES, 32),
    patch_reason='LR patches of 32, as in the paper',
    data_note="""\
# the paper takes windows of these images and of copies shrunk by 0.9, 0.8, 0.7 and 0.6 (ClassSR): the command above
# makes an LMDB of them with --factors 1 .9 .8 .7 .6
""",
    rgb=True,
    measures='the paper measures on RGB, most others on Y',
    networks=FPL_NETWORKS,
)
EDSR = Protocol(schedule=_edsr, lr_patch=dict.fromkeys(SCALES, 48), patch_reason='LR patches of 48, as in EDSR')
BSR = Protocol(
    schedule=_bsr,
    lr_patch={2: 48, 3: 54, 4: 60},
    patch_reason="LR patches of 48 at x2 and 60 at x4, as in the paper's Fig. 1; 54 at x3, in between",
    measures='Y: the paper says RGB for PSNR, but the bicubic row of its Table 2 is on Y',
)

# Beside DIV2K's validation images, what BasicSR users keep under datasets/, with the images of each.
BENCHMARKS: Tuple[str, ...] = ('Set5', 'Set14')
FURTHER_BENCHMARKS: Tuple[str, ...] = ('B100', 'Urban100', 'Manga109')

HR_FOLDER = 'datasets/DIV2K/DIV2K_train_HR'


def window(scale: int) -> int:
    """Side of the HR sub-images, which is BSPA's patch size too: 128, for x3 129."""
    return BSPA.gt_size(scale)


def lr_folder(scale: int) -> str:
    """DIV2K's bicubic LR images."""
    return f'datasets/DIV2K/DIV2K_train_LR_bicubic/X{scale}'


def subimage_folder(scale: int) -> str:
    """Where ``basicsr subimages --out`` puts the LMDBs; x2 and x4 share a window grid and so their HR LMDB."""
    return f'datasets/DIV2K/sub_{window(scale)}'
