"""What methods put into an option file, as written there: losses, data sets, the sigma branch, BSPA's two parts."""

from __future__ import annotations

from textwrap import indent

from bsr_plugins.archs.network_options import LOG_VARIANCE_BRANCH, SIGMA_BRANCH, SIGMA_TAP
from bsr_plugins.data.dataset_options import INVERSE_SAMPLED
from bsr_plugins.data.dataset_options import RFS as RFS_OPTIONS
from bsr_plugins.data.dataset_options import SAMPLING_AUG as SAMPLING_AUG_OPTIONS
from bsr_plugins.losses.loss_options import (
    EXPECTATION_LOSS,
    FOCAL_PIXEL_LOSS,
    HYBRID_LP_LOSS,
    SIGMA_LOSS,
    UNCERTAINTY_DRIVEN_LOSS,
    UNCERTAINTY_ESTIMATION_LOSS,
)
from bsr_plugins.models.bspa_options import BSPA as BSPA_OPTIONS
from bsr_plugins.models.engine_options import MAX_LOSS_JUMP
from bsr_plugins.options.templates.option_lines import option_lines, with_value


def _below(head: str, lines: str) -> str:
    return head + indent(lines, '  ')


L1 = """\
pixel_opt:
  type: L1Loss
  loss_weight: 1.0
  reduction: mean
"""

FPL = _below(
    """\
pixel_opt:
  type: FocalPixelLoss
  # two weights alpha * exp(gamma * g(z)) (Eq. 5): sp by the error of bicubic, lp by the error of the network. The
  # values are the paper's, the same for every network
""",
    option_lines(
        FOCAL_PIXEL_LOSS.options,
        'alpha_sp gamma_sp alpha_lp gamma_lp norm_scope bicubic -loss_weight -reduction',
    ),
)

EXPECTATION = _below(
    """\
pixel_opt:
  type: ExpectationLoss  # L1 between y and mu + |y - mu| * z, z from N(0, 1)
""",
    option_lines(EXPECTATION_LOSS.options, 'noise num_draws threshold -loss_weight -reduction'),
)

HYBRID_LP = _below(
    """\
pixel_opt:
  type: HybridLpLoss
""",
    option_lines(HYBRID_LP_LOSS.options, 'l1_weight l2_weight lp_weight p eps -loss_weight -reduction'),
)

RFS = """\
# random filter sampling (Sec. III-B): every interval of patch information capacity (PIC, Eq. 1) gets the same share
# of every batch
""" + option_lines(RFS_OPTIONS.options, 'num_intervals pic_max max_tries num_images')

SAMPLING_AUG = option_lines(SAMPLING_AUG_OPTIONS.options, 'portion')

NETWORK_SIGMA = _below(
    """\
# trained together with network_g, saved separately (net_sigma_*.pth); a test needs it only for sigma maps
network_sigma:
  type: SigmaBranch
  # num_in_ch and upscale are found by themselves: of network_g's features before its upsampler
""",
    option_lines(SIGMA_BRANCH.options, '-num_out_ch num_feat num_conv upsampler'),
)

SIGMA_OPT = _below(
    """\
# the sigma branch
sigma_opt:
  type: SigmaLoss
""",
    option_lines(SIGMA_LOSS.options, 'loss_weight target threshold detach_pred'),
) + option_lines([SIGMA_TAP], 'sigma_tap')

NETWORK_UNCERTAINTY = _below(
    """\
# the head of UDN; its last layer bounds ln(theta) from below, by -1. Dropped in tests
network_sigma:
  type: LogVarianceBranch
  # num_in_ch is found by itself: the channels of network_g's features before its upsampler
""",
    option_lines(LOG_VARIANCE_BRANCH.options, '-num_out_ch num_feat -upscale', upscale='{scale}'),
)

UNCERTAINTY_ESTIMATION = _below(
    """\
# first step: network and head together, by a likelihood with Jeffreys' prior. There is no pixel_opt beside it
sigma_opt:
  type: UncertaintyEstimationLoss  # exp(-s) |y - mu| + 2 s, s = ln(theta)
""",
    option_lines(UNCERTAINTY_ESTIMATION_LOSS.options, 'img_range -loss_weight -reduction'),
)

UNCERTAINTY_DRIVEN = _below(
    """\
pixel_opt:
  type: UncertaintyDrivenLoss  # w |y - mu|, w = s - min(s) + offset, s of the first step
""",
    option_lines(UNCERTAINTY_DRIVEN_LOSS.options, 'offset -loss_weight -reduction'),
)

LOSS_JUMP = option_lines([MAX_LOSS_JUMP], 'max_loss_jump', max_loss_jump='!!float 1e6')

FIRST_STEP = """\
# the network goes on from that of the first step; a frozen copy of it, and net_sigma_latest.pth beside it, give s
pretrain_network_g: '{first}/models/net_g_latest.pth'
pretrain_network_udn: '{first}/models/net_g_latest.pth'
"""

EQ_10 = with_value(
    with_value(SIGMA_OPT, 'target', 'signed  # y - mu, as Eq. 10 prints it: abs would say nothing of the sign of mu'),
    'detach_pred',
    'false  # network_g learns by this loss alone (Table 1, row 3)',
)

#: The data set of classed sub-images, as the inverse-sampled half or as the whole training set.
INVERSE_SET = (
    """\
type: InverseSampledLMDBDataset
dataroot_gt: {sub}/HR_sub.lmdb
dataroot_lq: {sub}/LR_sub_x{scale}.lmdb
io_backend:
  type: lmdb
# difficulty: {sub}/HR_sub.lmdb/difficulty_x{scale}.txt  # MSE of each sub-image; the default

"""
    + option_lines(INVERSE_SAMPLED.options, 'num_classes imbalance_factor sampling')
    + 'gt_size: {crop}\n'
)

INVERSE = _below(
    """\
# the inverse-sampled half (Sec. 3.2); it inherits scale, batch size, workers, flips and rotations
inverse:
""",
    INVERSE_SET,
)

BSPA = _below(
    """\
# BSPA: stages, attribution, frozen weights
bspa:
""",
    option_lines(BSPA_OPTIONS, ' '.join(option.name for option in BSPA_OPTIONS)),
)

# A round costs nothing where nothing is frozen: it is left out.
BI_SAMPLING = with_value(BSPA, 'beta', '0  # no attribution, nothing is frozen')
BSPA_FILTER = with_value(BSPA, 'granularity', 'filter  # 3 x 3 kernels are ranked and frozen whole')
