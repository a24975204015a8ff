"""PSNR by difficulty class on held-out images: their windows classed by the *training* set's thresholds.

Ranking the held-out windows afresh would call a tenth of them hard whatever they are; the thresholds t_k of BSPA's
Eq. 3 mean the same difficulty in both sets.
"""

from __future__ import annotations

import math
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.data.difficulty.score_windows import Pair, score_pairs
from bsr_plugins.data.difficulty.scorers import Scorer
from bsr_plugins.data.images.luma_error import windows_mse
from bsr_plugins.data.sampling.long_tail import Numbers, classify_by_thresholds
from bsr_plugins.data.subimages.windows import WindowGrid, windows

_BATCH = 16


class HeldOutWindows(NamedTuple):
    """Windows of held-out images.

    ``corners``: name of the image -> (top, left) of its windows; ``difficulty`` and ``class_index``: name -> one
    value a window, (M,) float64 and (M,) int64; ``counts``: (K,) windows of each class.
    """

    corners: Dict[str, List[Tuple[int, int]]]
    difficulty: Dict[str, np.ndarray]
    class_index: Dict[str, np.ndarray]
    counts: np.ndarray


def class_held_out_windows(
    hr: Mapping[str, Any],
    lr: Mapping[str, Any],
    grid: WindowGrid,
    scale: int,
    scorer: Scorer,
    border: int,
    thresholds: Numbers,
) -> HeldOutWindows:
    """Cut and score windows exactly as the training set's sub-images were, and class them by its thresholds.

    Args:
        hr: Name -> image (H, W, 3), uint8, BGR.
        lr: The same of the LR images.
        grid: Windows of the training LMDB.
        scale: HR side / LR side.
        scorer: The scorer of the training difficulty.
        border: HR pixels left out along each side of a window when it is scored.
        thresholds: (K,) t_k of the training set.

    Raises:
        DataError: HR and LR do not fit.
    """
    corners = {name: windows(image.shape[0], image.shape[1], grid) for name, image in hr.items()}
    difficulty = {
        name: _score(name, hr[name], lr[name], corners[name], grid.crop, scale, scorer, border) for name in hr
    }
    class_index = {name: classify_by_thresholds(values, thresholds) for name, values in difficulty.items()}
    counts = np.bincount(np.concatenate(list(class_index.values())), minlength=len(thresholds))
    return HeldOutWindows(corners, difficulty, class_index, counts)


def psnr_by_class(
    images: Mapping[str, Any], hr: Mapping[str, Any], held_out: HeldOutWindows, crop: int, border: int
) -> List[Optional[float]]:
    """Return the PSNR (dB) of each class: ``-10 log10(mean MSE over its windows)``, None for a class without windows.

    The images are super-resolved whole, as in any test; the windows only say where to look. Of each window
    ``border`` pixels along each side are left out, as when it was scored. The luma is that of BasicSR's PSNR.

    Args:
        images: Name -> super-resolved image (H, W, 3), uint8, BGR.
        hr: The originals.
        held_out: ``class_held_out_windows`` of the originals.
        crop: Side of a window.
        border: Pixels left out along each side of a window.
    """
    mse = np.concatenate(
        [
            windows_mse(squared_error_y(images[name], hr[name]), corners, crop, border)
            for name, corners in held_out.corners.items()
        ]
    )
    classes = np.concatenate([held_out.class_index[name] for name in held_out.corners])
    return [psnr_of(mse[classes == k]) for k in range(len(held_out.counts))]


def psnr_of(mse: np.ndarray) -> Optional[float]:
    """Return the PSNR of the mean of ``mse`` (images in [0, 1]); None of nothing, infinity where all are 0."""
    if mse.size == 0:
        return None
    mean = float(mse.mean())
    return math.inf if mean == 0 else -10 * math.log10(mean)


def squared_error_y(image: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Return the squared difference of the luma of two uint8 BGR images in units of 255: (H, W) float64."""
    from basicsr.metrics.metric_util import to_y_channel

    luma, luma_original = (to_y_channel(each)[..., 0].astype(np.float64) for each in (image, original))
    return ((luma - luma_original) / 255) ** 2


def _score(
    name: str,
    hr: np.ndarray,
    lr: np.ndarray,
    corners: Sequence[Tuple[int, int]],
    crop: int,
    scale: int,
    scorer: Scorer,
    border: int,
) -> np.ndarray:
    scores = [np.empty(0)]
    for start in range(0, len(corners), _BATCH):
        pairs = [
            Pair(
                f'{name} at {top}, {left}',
                _rgb_window(hr, top, left, crop),
                _rgb_window(lr, top // scale, left // scale, crop // scale),
            )
            for top, left in corners[start : start + _BATCH]
        ]
        scores.append(score_pairs(pairs, scorer, scale, border))
    return np.concatenate(scores)


def _rgb_window(image: np.ndarray, top: int, left: int, size: int) -> np.ndarray:
    return np.ascontiguousarray(image[top : top + size, left : left + size, ::-1])
