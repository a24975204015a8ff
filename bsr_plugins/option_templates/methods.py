"""The training methods that option files are made for: what each adds to plain training."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional

from bsr_plugins.option_templates.protocols import PUBLISHED, SCORER, Schedule


@dataclass(frozen=True)
class Method:
    """One row of the table. A method's file differs from its twin, ``baseline``, in what stands here alone.

    Attributes:
        about: What it is, for the file's head.
        model_type: The model, None for BasicSR's own of the network.
        dataset: Lines put under ``datasets.train``; ``{sub}``, ``{scale}`` and ``{crop}`` are put in.
        train: Lines put under ``train``.
        schedule: How it is trained.
        lr_patch: Side of the LR patches, None for the published HR patch.
        named: Whether the method stands in the file's name.
    """

    about: str
    model_type: Optional[str] = None
    dataset: str = ''
    train: str = ''
    schedule: Schedule = PUBLISHED
    lr_patch: Optional[int] = None
    named: bool = True


METHODS: Dict[str, Method] = {
    'baseline': Method(
        about="Plain L1 training by BasicSR's own model: the twin that the methods are compared with, of the same "
              'length'),
    'bspa': Method(
        about='BSPA, bi-sampling and parameter attribution (NeurIPS 2023), by the schedule of the published code',
        model_type='BSPAModel',
        dataset="""\
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
""",
        train="""\
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
"""),
    'scorer': Method(
        about="Plain training by BasicSR's own recipe for MSRResNet: the network whose error is a sub-image's "
              'difficulty',
        schedule=SCORER,
        lr_patch=32,
        named=False),
}
