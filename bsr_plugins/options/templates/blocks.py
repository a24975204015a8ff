"""What methods put into an option file, as written there: losses, data sets, the sigma branch, BSPA's two parts."""

from __future__ import annotations

L1 = """\
pixel_opt:
  type: L1Loss
  loss_weight: 1.0
  reduction: mean
"""

FPL = """\
pixel_opt:
  type: FocalPixelLoss
  # weights alpha * exp(gamma * g(z)) (Eq. 5) by the error of bicubic, sp, and by the network's own, lp: the paper's
  # values for every network; its code swaps the names of alpha_sp and gamma_sp, and computes the same
  alpha_sp: 0.5
  gamma_sp: 1
  alpha_lp: 1
  gamma_lp: 1
  norm_scope: batch  # of the minimum and the maximum in g, as in the code; in several processes, of each one's batch
  bicubic: torch  # the kernel of network_g
  loss_weight: 1.0
  reduction: mean
"""

EXPECTATION = """\
pixel_opt:
  type: ExpectationLoss  # L1 between y and mu + |y - mu| * z with z of N(0, 1)
  noise: element  # z of its own for each pixel and channel, the paper's element-wise product
  num_draws: 1  # the expectation is left to SGD, as in the paper
  threshold: batch  # z is 0 where |y - mu| is below its mean (Sec. 4.3); the paper leaves open what is set to zero
  loss_weight: 1.0
  reduction: mean
"""

HYBRID_LP = """\
pixel_opt:
  type: HybridLpLoss  # the paper gives p alone; weights and eps are ours, of images in [0, 1]
  l1_weight: 1
  l2_weight: 1
  lp_weight: 0.1
  p: 0.5
  eps: !!float 1e-3  # bounds the gradient of |e|^p at 0
  loss_weight: 1.0
  reduction: mean
"""

RFS = """\
# random filter sampling (Sec. III-B): every batch has as many patches of each interval of texture (PIC, Eq. 1)
num_intervals: 16  # of equal width, those of the paper's Fig. 1; a batch of 16 has one patch of each
pic_max: auto  # where the last interval ends: the .999 quantile of 10000 random patches; the paper gives none
max_tries: 50  # then the nearest interval that has patches gives one; how often is logged
num_images: ~  # M of the paper's Table 1: how many images a batch draws from; ~: as many as it has patches
"""

SAMPLING_AUG = """\
# the share of an image's patches (of a window's, from such an LMDB) that bilinear upscaling restores worst
portion: 0.1  # as published
"""

NETWORK_SIGMA = """\
# trains beside network_g and is saved apart (net_sigma_*.pth); a test needs it for sigma maps alone
network_sigma:
  type: SigmaBranch
  # num_in_ch: that of the features before the upsampler, which are found in network_g
  num_out_ch: 3
  num_feat: 160
  num_conv: 4
  upscale: {scale}
  upsampler: espcn  # the paper says PixelShuffle and a convolution; edsr is the other reading
"""

SIGMA_OPT = """\
# the sigma branch
sigma_opt:
  type: SigmaLoss
  loss_weight: 0.01  # beta of Eq. 10, the best of Table 2
  target: abs  # sigma is drawn to |y - mu|; Eq. 10 prints y - mu, whose best sigma is 0 nearly everywhere
  threshold: none
  detach_pred: true
sigma_tap: auto  # where the features are taken, or the name of a module of network_g
"""

INVERSE = """\
# the inverse-sampled half (Sec. 3.2); it takes over scale, batch size, workers, flips and rotations
inverse:
  type: InverseSampledLMDBDataset
  dataroot_gt: {sub}/HR_sub.lmdb
  dataroot_lq: {sub}/LR_sub_x{scale}.lmdb
  io_backend:
    type: lmdb
  # difficulty: {sub}/HR_sub.lmdb/difficulty_x{scale}.txt  # MSE of each sub-image; this is the default

  num_classes: 10  # K of Eq. 2; the paper sees little difference between class numbers
  imbalance_factor: 10  # largest class : smallest (Eq. 2); 50, 100 and 200 are worse in Table 3
  sampling: inverse  # Eq. 4; uniform is the ablation
  gt_size: {crop}
"""

BSPA = """\
# what BSPAModel does besides
bspa:
  interval_iter: 2500  # uniform iterations between inverse stages: the paper's 50 epochs of 800 images at batch 16
  inverse_iter: 2500  # as many inverse ones; the run ends with a uniform stage
  beta: 0.1  # frozen share p = beta * progress (Eq. 11); the best of Table 2
  ig_rule: midpoint  # 8 midpoint steps rank as the authors' 100 steps of the right rule, at a twelfth of the cost
  ig_steps: 8
  ig_batches: 50  # one pass over the 800 images
  ig_reduce: abs_per_batch
  granularity: weight  # WIG; filter (FIG) is worse in Table 1
  scope: global  # all layers ranked together, as in the published code
  freeze_in_inverse: false  # the published code freezes in uniform stages only
  mask_update: replace
"""
