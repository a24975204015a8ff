"""A crop pair as the tensors of a sample: BasicSR's crops, flips and rotations, colour, range and layout."""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple

import cv2
import numpy as np
from torch import Tensor

from bsr_plugins.common.keyed_random import HashedNumbers
from bsr_plugins.data.images.shared_options import UINT8, USE_HFLIP, USE_ROT


class Turn(NamedTuple):
    """What BasicSR's ``augment`` does with an image, in this order."""

    hflip: bool = False
    vflip: bool = False
    transposed: bool = False

    def of(self, image: np.ndarray) -> np.ndarray:
        """Return a view of the image (h, w, C), turned."""
        if self.hflip:
            image = image[:, ::-1]
        if self.vflip:
            image = image[::-1]
        return image.transpose(1, 0, 2) if self.transposed else image


class SampleTensors:
    """What PairedImageDataset does with a crop pair in training, with its options; the same values to the bit.

    A crop is turned as a view. One copy makes the planes of its bytes, one look-up floats of those: in a table of the
    256 values that a channel can have, ``mean`` and ``std`` in it.

    Args:
        opt: Its section, checked: ``use_hflip``, ``use_rot``, ``color: y`` (luma alone), ``mean`` and ``std``. With
            ``uint8`` the tensors are the bytes; ``mean`` and ``std`` go with them for
            :func:`bsr_plugins.data.images.byte_batches.float_batch`.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        import torch

        # `~` is false, as in PairedImageDataset.
        self.use_hflip = bool(opt.get('use_hflip', USE_HFLIP.default))
        self.use_rot = bool(opt.get('use_rot', USE_ROT.default))
        self.mean, self.std = opt.get('mean'), opt.get('std')
        self.luma = opt.get('color') == 'y'
        self.as_bytes = bool(opt.get('uint8', UINT8.default))
        levels = torch.arange(256, dtype=torch.float32).div_(255)
        self._levels: np.ndarray = levels.numpy()
        # (3, 256) where the channels differ.
        self._normalised: Optional[np.ndarray] = None
        self._more: Dict[str, Tensor] = {}
        if self.mean is not None and self.as_bytes:
            self._more = {name: torch.tensor(opt[name], dtype=torch.float32) for name in ('mean', 'std')}
        elif self.mean is not None and not self.luma:
            self._normalised = self._shifted(levels.expand(3, 1, 256).clone()).numpy()

    def turn(self, numbers: HashedNumbers) -> Turn:
        """Return one of the turns that the options allow, all alike: eight, or fewer where one of them is off."""
        hflip, vflip, transposed = numbers.coins()
        return Turn(self.use_hflip and hflip, self.use_rot and vflip, self.use_rot and transposed)

    def __call__(
        self, gt: np.ndarray, lq: np.ndarray, saliency: Optional[np.ndarray] = None, turn: Optional[Turn] = None
    ) -> Dict[str, Tensor]:
        """Return ``lq`` and ``gt``, float32 RGB (3, h, w) in [0, 1] before ``mean`` and ``std``, or uint8.

        And ``saliency``, float32 (1, h, w) in [0, 1], or uint8, where it is given: turned as ``lq``, and nothing else.
        With ``uint8`` also ``mean`` and ``std``, (channels,), where the options name them.

        Args:
            gt: (H, W, 3) uint8 BGR; it is left as it is, and may be a view.
            lq: (h, w, 3) likewise.
            saliency: (h, w, 1) uint8.
            turn: What is done to all of them; None: nothing.
        """
        import torch

        turn = turn or Turn()
        tensors = {'lq': self._tensor(turn.of(lq)), 'gt': self._tensor(turn.of(gt)), **self._more}
        if saliency is not None:
            plane = _planes(turn.of(saliency))
            tensors['saliency'] = torch.from_numpy(plane if self.as_bytes else self._levels[plane])
        return tensors

    def _tensor(self, image: np.ndarray) -> Tensor:
        import torch

        if self.luma:
            return self._shifted(torch.from_numpy(_luma(image)))
        planes = _planes(image[..., ::-1])
        if self.as_bytes:
            return torch.from_numpy(planes)
        if self._normalised is not None:
            return torch.from_numpy(np.stack([cv2.LUT(*pair) for pair in zip(planes, self._normalised)]))
        # As one tall image of one channel.
        floats = cv2.LUT(planes.reshape(-1, planes.shape[2]), self._levels)
        return torch.from_numpy(floats.reshape(planes.shape))

    def _shifted(self, tensor: Tensor) -> Tensor:
        if self.mean is None:
            return tensor
        from torchvision.transforms.functional import normalize

        return normalize(tensor, self.mean, self.std, inplace=True)


def crop_pair(
    gt: np.ndarray, lq: np.ndarray, corner: Tuple[int, int], gt_size: int, scale: int, *like_lq: Optional[np.ndarray]
) -> Tuple[Any, ...]:
    """Return views of the crops of (gt_size, gt_size) and of that / ``scale`` at one place.

    Args:
        gt: (H, W, C), at least the crop's size. lq: (H / scale, W / scale, C).
        corner: Top and left of the crop of ``lq``.
        gt_size: Side of the crop.
        scale: Upscaling factor.
        like_lq: What is cropped as ``lq`` is, behind it; None stays None.
    """
    (top, left), size = corner, gt_size // scale
    whole = gt[top * scale : top * scale + gt_size, left * scale : left * scale + gt_size]
    place = slice(top, top + size), slice(left, left + size)
    return (whole, lq[place], *(None if each is None else each[place] for each in like_lq))


def drawn_corner(lq: np.ndarray, gt_size: int, scale: int, numbers: HashedNumbers) -> Tuple[int, int]:
    """Return top and left of a crop of ``lq``, each position on whole pixels exactly as likely as any other."""
    size = gt_size // scale
    return numbers.below(lq.shape[0] - size + 1), numbers.below(lq.shape[1] - size + 1)


def _planes(image: np.ndarray) -> np.ndarray:
    """Return a copy of an image (h, w, C), perhaps a view, as (C, h, w)."""
    return image.transpose(2, 0, 1).copy()


def _luma(image: np.ndarray) -> np.ndarray:
    """Return the luma of bytes as PairedImageDataset has it: (1, h, w) float32."""
    try:
        from basicsr.utils.color_util import bgr2ycbcr
    except ImportError:  # before BasicSR 1.4
        from basicsr.utils.matlab_functions import bgr2ycbcr

    return np.ascontiguousarray(bgr2ycbcr(image.astype(np.float32) / 255.0, y_only=True)[None])
