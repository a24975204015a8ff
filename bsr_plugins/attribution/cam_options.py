"""The options of CAM, the attribution map of images that ADD follows (CVPR 2025, supplement, Algorithm 1).

CAM is reconstructed: the supplement leaves open what the reasons below name.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

from bsr_plugins.common.option import Option
from bsr_plugins.common.option_kinds import FLAG, Kind, choice, number, whole

#: LR pixels that go through the network at once: at 2**14 EDSR takes about 0.4 GB, SwinIR 5 GB. Of 2**10 to 2**17 EDSR
#: is fastest at 2**13 on the CPU; FSRCNN, which is small, at 2**16, and 2**14 costs it a sixth.
CHUNK = 2**14

CAM_STEPS = Option(
    'cam_steps',
    whole(1),
    20,
    'steps of the path from the blurred image to the image, each a forward and a backward pass',
    'Algorithm 1, line 1: a grows by 0.05',
)
CAM_SIGMA = Option(
    'cam_sigma',
    number(at_least=0),
    1.2,
    'standard deviation of the blur where the path starts, in LR pixels',
    "the supplement gives none; LAM's",
)
CAM_KERNEL = Option(
    'cam_kernel',
    Kind('odd number >= 1', lambda value: whole(1).accepts(value) and value % 2 == 1, takes_numbers=True),
    9,
    'side of the blur kernel, in LR pixels',
    "the supplement gives none; LAM's",
)
CAM_RULE = Option(
    'cam_rule',
    choice('left', 'right'),
    'left',
    'end of each step at which the gradient is taken',
    'Algorithm 1 pairs the gradient at a_i with the step from a_i to a_(i+1); LAM takes the right ends',
)
CAM_DETECTOR = Option(
    'cam_detector',
    choice('global', 'window'),
    'global',
    'what is attributed: the gradient magnitude of the whole SR image, or of a window of it',
    'the abstract speaks of a global feature detector; LAM takes a window',
)
CAM_CALIBRATE = Option(
    'cam_calibrate',
    FLAG,
    True,
    'whether each step is shifted along the path (lines 9 to 14)',
    'false leaves plain integrated gradients along the blur path',
)
CAM_PF = Option(
    'cam_pf',
    number(at_least=0, at_most=1),
    0.25,
    'p_f: fraction of the pixels, those of lowest absolute value, by which the shift is measured',
    'the supplement gives none; that of Guided IG',
)
CAM_MAX_DIST = Option(
    'cam_max_dist',
    number(at_least=0, at_most=1),
    0.05,
    'how far from a_i a shifted step may go, as a part of the path',
    'the supplement gives none; one step of 20, as with the 0.02 of Guided IG (200 steps) the shift is within one step',
)
CAM_GRAD_GAIN = Option(
    'cam_grad_gain',
    choice('grad', 'phi'),
    'grad',
    'what the shift is multiplied by in line 14: the gradient, or phi, the attribution of the step itself',
    'phi is printed, but is a gradient times a difference of images already; Guided IG takes the gradient',
)
CAM_MASK = Option(
    'cam_mask',
    choice('gradient', 'image'),
    'gradient',
    'whose lowest absolute values make the mask M_f (lines 9 and 10): those of the gradient, or of the blurred image',
    'line 10 prints the image, its words and Guided IG say the gradient',
)
CAM_MASK_SHIFT = Option(
    'cam_mask_shift',
    FLAG,
    False,
    'whether only the pixels of M_f are shifted',
    'line 13 prints no mask; Guided IG shifts those alone',
)
CAM_REDUCTION = Option(
    'cam_reduction',
    choice('abs_sum', 'sum_abs'),
    'abs_sum',
    'how the channels become one map: the absolute value of their sum, or the sum of their absolute values',
    "the supplement does not say; LAM's",
)

#: All of them. The name of each less ``cam_`` is the keyword of ``calibrated_attribution_map``, or of
#: ``normalised_map`` for the last.
CAM_OPTIONS: Tuple[Option, ...] = (
    *(CAM_STEPS, CAM_SIGMA, CAM_KERNEL, CAM_RULE, CAM_DETECTOR, CAM_CALIBRATE),
    *(CAM_PF, CAM_MAX_DIST, CAM_GRAD_GAIN, CAM_MASK, CAM_MASK_SHIFT, CAM_REDUCTION),
)


def cam_keywords(options: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the values of all ``cam_*`` options without the prefix, defaults put in; other keys are left out.

    Raises:
        OptionError: A value that its option does not take.
    """
    return {each.name[len('cam_') :]: each.read(options, each.name) for each in CAM_OPTIONS}
