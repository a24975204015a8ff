"""One pass over the held-out images: the error of every window under every run, and where methods differ most."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.analysis.compared_runs import TestedRun
from bsr_plugins.analysis.differing_crops import Crop, choose_crops, crop_candidates
from bsr_plugins.analysis.measured_runs import MeasuredRuns
from bsr_plugins.analysis.training_windows import TrainingWindows
from bsr_plugins.analysis.window_errors import Errors, WindowErrors
from bsr_plugins.data.difficulty.scorers import bicubic_scorer
from bsr_plugins.data.images.luma_error import windows_mse
from bsr_plugins.data.sampling.class_psnr import class_held_out_windows, squared_error_y

_Key = Tuple[str, Optional[int]]


class HeldOut(NamedTuple):
    """What the pass found.

    Attributes:
        windows: Errors of all windows, classed by the training set's thresholds; None without those.
        crops: Method -> squares where it and its twin differ most, in squared error averaged over the seeds that both
            have; ``name`` is ``<test set>/<image>``, a positive ``gain`` says that the method is ahead.
    """

    windows: Optional[WindowErrors]
    crops: Dict[str, List[Crop]]


class _Image(NamedTuple):
    difficulty: np.ndarray
    class_index: np.ndarray
    bicubic: np.ndarray
    errors: Dict[_Key, np.ndarray]
    candidates: Dict[str, List[Crop]]


def measured_runs_of(measured: MeasuredRuns) -> List[TestedRun]:
    """Return the runs that ended and could be measured, method by method."""
    return [
        run
        for method in measured.compared.methods
        for run in measured.compared.runs
        if run.method == method and run.seed in measured.scores.get(method, {})
    ]


def measure_held_out(
    measured: MeasuredRuns, training: Optional[TrainingWindows], size: int = 64, count: int = 4
) -> HeldOut:
    """Look at every image of every test set once.

    Args:
        measured: The comparison.
        training: The training set's classes; without them no window is classed.
        size: Side of the squares where methods differ.
        count: Squares a method, half of them for it, half against.

    Raises:
        DataError: An image is missing or damaged.
    """
    runs = measured_runs_of(measured)
    jobs = [(test_set, name) for test_set in measured.files for name in measured.names(test_set)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        images = list(pool.map(lambda job: _image(measured, training, runs, size, *job), jobs))
    crops = {
        method: choose_crops([crop for image in images for crop in image.candidates.get(method, ())], count)
        for method in measured.compared.twins
    }
    return HeldOut(None if training is None else _joined(images, runs, training), crops)


def _image(
    measured: MeasuredRuns,
    training: Optional[TrainingWindows],
    runs: Sequence[TestedRun],
    size: int,
    test_set: str,
    name: str,
) -> _Image:
    hr, border = measured.hr(test_set, name), measured.border
    maps = {(run.method, run.seed): squared_error_y(measured.sr(run, test_set, name), hr) for run in runs}
    candidates = {
        method: crop_candidates(f'{test_set}/{name}', gain, size, border)
        for method, twin in measured.compared.twins.items()
        for gain in [_mean_gain(maps, method, twin)]
        if gain is not None
    }
    if training is None:
        return _Image(np.empty(0), np.empty(0, np.int64), np.empty(0), {}, candidates)
    lr = measured.lr(test_set, name)
    held_out = class_held_out_windows(
        {name: hr},
        {name: lr},
        training.grid,
        measured.compared.scale,
        bicubic_scorer(measured.compared.scale),
        border,
        training.thresholds,
    )
    corners = held_out.corners[name]

    def mse(squared_error: np.ndarray) -> np.ndarray:
        return windows_mse(squared_error, corners, training.grid.crop, border)

    return _Image(
        held_out.difficulty[name],
        held_out.class_index[name],
        mse(squared_error_y(measured.bicubic_of(test_set, name), hr)),
        {key: mse(squared_error) for key, squared_error in maps.items()},
        candidates,
    )


def _mean_gain(maps: Dict[_Key, np.ndarray], method: str, twin: str) -> Optional[np.ndarray]:
    seeds = [seed for name, seed in maps if name == method and (twin, seed) in maps]
    return np.mean([maps[twin, seed] - maps[method, seed] for seed in seeds], axis=0) if seeds else None


def _joined(images: Sequence[_Image], runs: Sequence[TestedRun], training: TrainingWindows) -> WindowErrors:
    errors: Errors = {}
    for run in runs:
        mse = [image.errors[run.method, run.seed] for image in images]
        errors.setdefault(run.method, {})[run.seed] = np.concatenate([np.empty(0), *mse])
    difficulty = np.concatenate([np.empty(0), *(image.difficulty for image in images)])
    return WindowErrors(
        np.concatenate([np.empty(0, np.int64), *(image.class_index for image in images)]),
        difficulty > training.hard,
        np.ones(difficulty.size),
        np.concatenate([np.empty(0), *(image.bicubic for image in images)]),
        errors,
        training.num_classes,
    )
