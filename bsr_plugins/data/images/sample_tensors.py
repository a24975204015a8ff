"""A crop pair as the tensors of a sample: BasicSR's flips and rotations, colour, range and layout."""

from __future__ import annotations

import random
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np
from torch import Tensor

from bsr_plugins.data.images.shared_options import USE_HFLIP, USE_ROT


class SampleTensors:
    """What PairedImageDataset does with a crop pair in training, with its options.

    Args:
        opt: Its section, checked: ``use_hflip``, ``use_rot``, ``color: y`` (luma alone), ``mean`` and ``std``.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        # `~` is false, as in PairedImageDataset.
        self.use_hflip = bool(opt.get('use_hflip', USE_HFLIP.default))
        self.use_rot = bool(opt.get('use_rot', USE_ROT.default))
        self.mean, self.std = opt.get('mean'), opt.get('std')
        self.luma = opt.get('color') == 'y'

    def __call__(self, gt: np.ndarray, lq: np.ndarray, saliency: Optional[np.ndarray] = None) -> Dict[str, Tensor]:
        """Return ``lq`` and ``gt``, float32 RGB (3, h, w) in [0, 1] before ``mean`` and ``std``.

        And ``saliency``, float32 (1, h, w) in [0, 1], where it is given: turned as ``lq``, and nothing else.

        Flips and rotation are drawn from Python's ``random``: seed it (``keyed_python_random``) around the call.

        Args:
            gt: (H, W, 3) BGR, uint8 or float32 in [0, 1]; a float array may be changed.
            lq: (h, w, 3) likewise.
            saliency: (h, w, 1) uint8.
        """
        import torch
        from basicsr.data.transforms import augment
        from basicsr.utils import img2tensor

        # Copies, since augment flips in place; whole bytes as long as may be, a quarter of the memory of floats.
        more = [] if saliency is None else [saliency.copy()]
        gt, lq, *more = augment([self._own(gt), self._own(lq), *more], self.use_hflip, self.use_rot)
        if self.luma:
            try:
                from basicsr.utils.color_util import bgr2ycbcr
            except ImportError:  # before BasicSR 1.4
                from basicsr.utils.matlab_functions import bgr2ycbcr

            gt, lq = (bgr2ycbcr(image, y_only=True)[..., None] for image in (gt, lq))
        whole_bytes = gt.dtype == np.uint8
        tensors: List[Tensor] = img2tensor([lq, gt], bgr2rgb=True, float32=True)
        if whole_bytes:
            tensors = [tensor.div_(255) for tensor in tensors]
        if self.mean is not None:
            from torchvision.transforms.functional import normalize

            for tensor in tensors:
                normalize(tensor, self.mean, self.std, inplace=True)
        found = {'lq': tensors[0], 'gt': tensors[1]}
        if more:
            plane = np.ascontiguousarray(more[0].reshape(1, *more[0].shape[:2]), np.float32)
            found['saliency'] = torch.from_numpy(plane).div_(255)
        return found

    def _own(self, image: np.ndarray) -> np.ndarray:
        if image.dtype != np.uint8:
            return image
        return image.astype(np.float32) / 255.0 if self.luma else image.copy()


def random_crop(
    gt: np.ndarray, lq: np.ndarray, gt_size: int, scale: int, *like_lq: np.ndarray
) -> Tuple[np.ndarray, ...]:
    """Return the crops of (gt_size, gt_size) and of that / ``scale`` at one place, the LQ's top and left drawn.

    The draws are those of BasicSR's ``paired_random_crop``, from Python's ``random``. That function itself takes the
    GT's size, but the LQ's in the forks of BasicSR 1.2 (Restormer, MIRNetv2, Retinexformer).

    Args:
        gt: (H, W, C), at least the crop's size. lq: (H / scale, W / scale, C).
        gt_size: Side of the crop.
        scale: Upscaling factor.
        like_lq: What is cropped as ``lq`` is, behind it.
    """
    size = gt_size // scale
    top, left = (random.randint(0, side - size) for side in lq.shape[:2])
    whole = slice(top * scale, top * scale + gt_size), slice(left * scale, left * scale + gt_size)
    place = slice(top, top + size), slice(left, left + size)
    return (gt[whole], lq[place], *(each[place] for each in like_lq))
