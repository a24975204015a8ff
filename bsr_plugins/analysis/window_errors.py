"""The error of every run in every window, on training and on held-out images: what BSPA's Fig. 3 and 5 are made of."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from bsr_plugins.analysis.training_windows import TrainingWindows
from bsr_plugins.data.difficulty.score_windows import score_pairs
from bsr_plugins.data.difficulty.scorers import Scorer
from bsr_plugins.data.sampling.class_psnr import psnr_of

#: Method -> seed -> MSE of each window, (M,).
Errors = Dict[str, Dict[Optional[int], np.ndarray]]
_BATCH = 16


class WindowErrors(NamedTuple):
    """Windows and the MSE of each (luma, images in [0, 1]) under every run.

    Attributes:
        class_index: (M,) difficulty class of each window.
        hard: (M,) bool: in the hardest tenth, by the training set's difficulty.
        weights: (M,) how many windows each stands for.
        bicubic: (M,) MSE of bicubic upscaling.
        errors: MSE of each run.
        num_classes: K.
    """

    class_index: np.ndarray
    hard: np.ndarray
    weights: np.ndarray
    bicubic: np.ndarray
    errors: Errors
    num_classes: int


class Spread(NamedTuple):
    """Mean over seeds, and the lowest and highest of them."""

    mean: float
    low: float
    high: float


class ClassPsnr(NamedTuple):
    """PSNR (dB) by class, the hardest tenth last.

    Attributes:
        counts: (K + 1,) windows of each group in the sample.
        bicubic: (K + 1,) PSNR of bicubic upscaling; None for a group without windows.
        methods: Method -> seed -> (K + 1,) PSNR.
    """

    counts: List[int]
    bicubic: List[Optional[float]]
    methods: Dict[str, Dict[Optional[int], List[Optional[float]]]]


def class_psnr(windows: WindowErrors) -> ClassPsnr:
    """Return the PSNR of each class and of the hardest tenth, each that of the mean MSE over its windows."""
    groups = [windows.class_index == k for k in range(windows.num_classes)] + [windows.hard]

    def of(mse: np.ndarray) -> List[Optional[float]]:
        return [weighted_psnr(mse[group], windows.weights[group]) for group in groups]

    return ClassPsnr(
        [int(group.sum()) for group in groups],
        of(windows.bicubic),
        {method: {seed: of(mse) for seed, mse in seeds.items()} for method, seeds in windows.errors.items()},
    )


def weighted_psnr(mse: np.ndarray, weights: np.ndarray) -> Optional[float]:
    """Return ``-10 log10(sum w mse / sum w)``: None of nothing, infinity where all are 0."""
    return psnr_of(np.average(mse, weights=weights)[None] if mse.size else mse)


def spread_over_seeds(values: Sequence[Optional[float]]) -> Optional[Spread]:
    """Return mean and range of a value over seeds; None where a seed has none, or one is not finite."""
    if not values or any(value is None or not np.isfinite(value) for value in values):
        return None
    known = np.asarray(values, dtype=np.float64)
    return Spread(float(known.mean()), float(known.min()), float(known.max()))


def gains_by_class(psnr: ClassPsnr, method: str, twin: Optional[str]) -> List[Optional[Spread]]:
    """Return by how much a method is above its twin in each group, seed by seed; above bicubic where twin is None.

    Seeds that only one of the two has are left out.
    """
    ours = psnr.methods.get(method, {})
    theirs = dict.fromkeys(ours, psnr.bicubic) if twin is None else psnr.methods.get(twin, {})
    seeds = [seed for seed in ours if seed in theirs]
    return [
        spread_over_seeds([_less(ours[seed][k], theirs[seed][k]) for seed in seeds]) for k in range(len(psnr.counts))
    ]


def sample_errors(windows: TrainingWindows, scorer: Scorer, scale: int) -> np.ndarray:
    """Return the MSE of a run's network on each window of the sample: (len(sample),) float64.

    Raises:
        CheckpointError: The network does not take RGB windows.
    """
    pairs = windows.sample
    scores = [
        score_pairs(pairs[start : start + _BATCH], scorer, scale, scale) for start in range(0, len(pairs), _BATCH)
    ]
    return np.concatenate([np.empty(0), *scores])


def training_errors(windows: TrainingWindows, errors: Errors) -> WindowErrors:
    """Return the sample of training windows with the errors of the runs on it (:func:`sample_errors`)."""
    difficulty = windows.difficulty[windows.sampled]
    return WindowErrors(
        windows.class_index[windows.sampled],
        difficulty > windows.hard,
        windows.weights,
        difficulty,
        errors,
        windows.num_classes,
    )


def _less(ours: Optional[float], theirs: Optional[float]) -> Optional[float]:
    if ours is None or theirs is None:
        return None
    # Two exact restorations (infinity less infinity) are level.
    return 0.0 if ours == theirs else ours - theirs
