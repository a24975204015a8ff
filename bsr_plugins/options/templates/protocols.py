"""How the methods' papers train and test: patches, schedules, measures; a method shares its protocol with its twin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from bsr_plugins.options.templates.networks import FPL_NETWORKS, NETWORKS, Network
from bsr_plugins.options.templates.schedule import Schedule

BATCH_SIZE = 16
SCALES = (2, 3, 4)
#: RealSR: LR and HR images of the same size.
REAL = 1
#: Updates of BSPA in the published code, and of the baseline that its tables set beside it.
BSPA_UPDATES, BASELINE_UPDATES = 37500, 20000


@dataclass(frozen=True)
class RealImages:
    """How a protocol trains at scale 1, on RealSR.

    Attributes:
        patch: Side of the patches.
        patch_reason: Comment beside it.
        schedule: What its schedule has there instead.
    """

    patch: int
    patch_reason: str
    schedule: Mapping[str, Any]


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
        real: How it trains at scale 1; None: it does not.
    """

    schedule: Callable[[str], Schedule]
    lr_patch: Dict[int, int]
    patch_reason: str = ''
    data_note: str = ''
    rgb: bool = False
    measures: str = 'the protocol of the papers: Y'
    networks: Dict[str, Network] = field(default_factory=dict)
    real: Optional[RealImages] = None

    def network(self, net: str) -> Network:
        """Return the network's row, in this protocol's size."""
        return self.networks.get(net, NETWORKS[net])

    def gt_size(self, scale: int, lr_multiple: int = 1) -> int:
        """Return the HR patch: that of the paper, or the largest below it whose LR side fits ``lr_multiple``."""
        lr_patch = self.real.patch if self.real is not None and scale == REAL else self.lr_patch[scale]
        return lr_patch // lr_multiple * lr_multiple * scale


# ---------------------------------------------------------------------- BSPA
def _published(net: str) -> Schedule:
    return Schedule(
        val_freq=2500,
        enlarge_ratio='50  # an epoch is 800 * 50 / 16 = 2500 iterations, one stage; the run has 15',
        optimizer="""\
# no ema_decay: the published runs have no moving average of the weights
optim_g:
  type: Adam
  lr: !!float 2e-4
  weight_decay: 0
  betas: [0.9, 0.999]  # Adam's defaults, as published; BasicSR's own files have 0.99
""",
        kind='MultiStepLR',
        milestones=(17450,),
        steps_reason='the authors halve it at epoch 200: after 199 * 50 uniform + 3 * 2500 inverse iterations',
        total_iter=BSPA_UPDATES,
        length_reason="BSPA's 8 uniform and 7 inverse stages of 2500; the same for every method compared with it",
    )


def _scorer(net: str) -> Schedule:
    return Schedule(
        val_freq=5000,
        enlarge_ratio=_HUNDRED.format(200),
        optimizer="""\
ema_decay: 0.999
optim_g:
  type: Adam
  lr: !!float 2e-4
  weight_decay: 0
  betas: [0.9, 0.99]
""",
        kind='CosineAnnealingRestartLR',
        periods=(250000,) * 4,
        total_iter=1000000,
    )


# ---------------------------------------------------------------------- FPL
FAST_NETWORKS = ('FSRCNN', 'CARN')
FAST_LR = '1e-3'
SHORT_NETWORKS = ('FSRCNN', 'SwinIR')


def _fpl(net: str) -> Schedule:
    lr = '2e-4  # FSRCNN, CARN: 1e-3'
    if net in FAST_NETWORKS:
        lr = f'{FAST_LR}  # for FSRCNN and CARN; 2e-4 for the others'
    total, whose = (500000, 'for FSRCNN and SwinIR') if net in SHORT_NETWORKS else (1000000, 'for the larger CNNs')
    return Schedule(
        val_freq=5000,
        enlarge_ratio=_HUNDRED.format(total // 5000),
        optimizer=f"""\
# where the paper and its published code differ (batch 16 or 64, length, eta_min), this is the paper, since its tables
# are what one compares with; no ema_decay: it has no moving average of the weights
optim_g:
  type: Adam
  lr: !!float {lr}
  weight_decay: 0
  betas: [0.9, 0.999]  # Adam's defaults
""",
        kind='CosineAnnealingRestartLR',
        periods=(total,),
        eta_min='1e-7  # the code has 1e-6',
        total_iter=total,
        length_reason=f"the paper's, {whose}; the code has 500000 for all networks, at batch 64",
    )


# ---------------------------------------------------------------------- l_E
def _edsr(net: str) -> Schedule:
    return Schedule(
        val_freq=5000,
        enlarge_ratio=_HUNDRED.format(200),
        optimizer="""\
# no ema_decay: the paper has no moving average of the weights
optim_g:
  type: Adam
  lr: !!float 1e-4
  weight_decay: 0
  betas: [0.9, 0.999]  # Adam's defaults, as in EDSR (and eps 1e-8)
""",
        kind='MultiStepLR',
        milestones=(200000, 400000, 600000, 800000),
        total_iter=1000000,
    )


# ---------------------------------------------------------------------- BSR
def _bsr(net: str) -> Schedule:
    return Schedule(
        val_freq=5000,
        enlarge_ratio=_HUNDRED.format(60),
        optimizer="""\
# the paper gives the learning rate and its drop every 100 epochs; batch, epoch (1000 updates) and length (300 epochs)
# are those of EDSR's code
optim_g:
  type: Adam
  lr: !!float 2e-4
  weight_decay: 0
  betas: [0.9, 0.999]
""",
        kind='MultiStepLR',
        milestones=(100000, 200000),
        gamma=0.1,
        total_iter=300000,
    )


_HUNDRED = '100  # an epoch is 800 * 100 / 16 = 5000 iterations; the run has {}'

_TIMES = '{} times the images, in batches of 16'
BSPA = Protocol(
    schedule=_published,
    lr_patch={2: 64, 3: 43, 4: 32},
    patch_reason='HR patches of the paper',
    real=RealImages(128, 'as at the other scales', {'enlarge_ratio': '50  # an epoch is ' + _TIMES.format(50)}),
)
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
EDSR = Protocol(
    schedule=_edsr,
    lr_patch=dict.fromkeys(SCALES, 48),
    patch_reason='LR patches of 48, as in EDSR',
    real=RealImages(
        192,
        "l_E's patches for RealSR",
        {
            # The paper says that the learning rate is fixed.
            'milestones': (),
            'steps_reason': 'the learning rate is fixed for RealSR',
            'enlarge_ratio': '100  # an epoch is ' + _TIMES.format(100),
        },
    ),
)
BSR = Protocol(
    schedule=_bsr,
    lr_patch={2: 48, 3: 54, 4: 60},
    patch_reason="LR patches of 48 at x2 and 60 at x4, as in the paper's Fig. 1; 54 at x3, in between",
    measures='Y: the paper says RGB for PSNR, but the bicubic row of its Table 2 is on Y',
)

# Beside DIV2K's validation images, what BasicSR users keep under datasets/, with the images of each.
BENCHMARKS: Tuple[str, ...] = ('Set5', 'Set14')
FURTHER_BENCHMARKS: Tuple[str, ...] = ('B100', 'Urban100', 'Manga109')

#: Images of RealSR (Cai et al., ICCV 2019), HR and LR of each pair under one name.
REAL_FOLDER = 'datasets/RealSR'

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
