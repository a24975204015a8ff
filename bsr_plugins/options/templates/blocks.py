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
  # two weights alpha * exp(gamma * g(z)) (Eq. 5): sp by the error of bicubic, lp by the error of the network. The
  # values are the paper's, the same for every network (its code swaps the names alpha_sp and gamma_sp)
  alpha_sp: 0.5
  gamma_sp: 1
  alpha_lp: 1
  gamma_lp: 1
  norm_scope: batch  # minimum and maximum of g over the batch, as in the code; each process takes its own batch
  bicubic: torch  # the same kernel as in network_g
  loss_weight: 1.0
  reduction: mean
"""

EXPECTATION = """\
pixel_opt:
  type: ExpectationLoss  # L1 between y and mu + |y - mu| * z, z from N(0, 1)
  noise: element  # one z for each pixel and channel, the paper's element-wise product
  num_draws: 1  # the expectation is left to SGD, as in the paper
  threshold: batch  # z is 0 where |y - mu| is below its mean (Sec. 4.3); the paper leaves open what is set to zero
  loss_weight: 1.0
  reduction: mean
"""

HYBRID_LP = """\
pixel_opt:
  type: HybridLpLoss  # the paper gives only p; weights and eps are ours, for images in [0, 1]
  l1_weight: 1
  l2_weight: 1
  lp_weight: 0.1
  p: 0.5
  eps: !!float 1e-3  # limits the gradient of |e|^p at 0
  loss_weight: 1.0
  reduction: mean
"""

RFS = """\
# random filter sampling (Sec. III-B): every interval of patch information capacity (PIC, Eq. 1) gets the same share
# of every batch
num_intervals: 16  # of equal width, as in the paper's Fig. 1; a batch of 16 has one patch of each
pic_max: auto  # end of the last interval: the .999 quantile of 10000 random patches; the paper gives none
max_tries: 50  # after that the nearest interval that has patches gives one; the log says how often
num_images: ~  # M of the paper's Table 1: how many images a batch draws from; ~: as many as the batch has patches
"""

SAMPLING_AUG = """\
# share of each image's patches that is drawn from: those that bilinear upscaling restores worst
portion: 0.1  # as published
"""

NETWORK_SIGMA = """\
# trained together with network_g, saved separately (net_sigma_*.pth); a test needs it only for sigma maps
network_sigma:
  type: SigmaBranch
  # num_in_ch is found by itself: the channels of network_g's features before its upsampler
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
  target: abs  # fits sigma to |y - mu|; Eq. 10 prints y - mu, for which the best sigma is 0 nearly everywhere
  threshold: none
  detach_pred: true
sigma_tap: auto  # which features the branch reads: auto, or the name of a module of network_g
"""

INVERSE = """\
# the inverse-sampled half (Sec. 3.2); it inherits scale, batch size, workers, flips and rotations
inverse:
  type: InverseSampledLMDBDataset
  dataroot_gt: {sub}/HR_sub.lmdb
  dataroot_lq: {sub}/LR_sub_x{scale}.lmdb
  io_backend:
    type: lmdb
  # difficulty: {sub}/HR_sub.lmdb/difficulty_x{scale}.txt  # MSE of each sub-image; the default

  num_classes: 10  # K of Eq. 2; Table 5 shows little difference between 5, 10 and 20
  imbalance_factor: 10  # size of the largest class / smallest class (Eq. 2); 50, 100 and 200 are worse in Table 3
  sampling: inverse  # Eq. 4; uniform is the ablation
  gt_size: {crop}
"""

BSPA = """\
# BSPA: stages, attribution, frozen weights
bspa:
  interval_iter: 2500  # uniform iterations between inverse stages: the paper's 50 epochs of 800 images at batch 16
  inverse_iter: 2500  # iterations of an inverse stage; the run ends with a uniform stage
  beta: 0.1  # frozen share p = beta * progress (Eq. 11); the best of Table 2
  ig_rule: midpoint  # 8 midpoint steps rank like the authors' 100 steps of the right rule, at a twelfth of the cost
  ig_steps: 8
  ig_batches: 50  # one pass over the 800 images
  ig_reduce: abs_per_batch
  granularity: weight  # WIG; filter (FIG) is worse in Table 1
  scope: global  # all layers ranked together, as in the published code
  freeze_in_inverse: false  # the published code freezes in uniform stages only
  mask_update: replace
"""
