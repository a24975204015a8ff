"""PSNR by class and of the hardest tenth, seed by seed; a sample of training windows that is the same every time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bsr_plugins.analysis.training_windows import TrainingWindows, hardest_tenth, sample_of_classes
from bsr_plugins.analysis.window_errors import (
    ClassPsnr,
    Spread,
    WindowErrors,
    class_psnr,
    gains_by_class,
    sample_errors,
    spread_over_seeds,
    training_errors,
    weighted_psnr,
)
from bsr_plugins.data.difficulty.score_windows import Pair
from bsr_plugins.data.difficulty.scorers import Scorer
from bsr_plugins.data.subimages.windows import WindowGrid


def test_psnr_of_a_class_is_that_of_its_mean_error():
    windows = WindowErrors(
        np.array([0, 0, 2]),
        np.array([False, True, True]),
        np.array([3.0, 1.0, 1.0]),
        np.array([1e-2, 1e-2, 1e-1]),
        {'a': {0: np.array([1e-3, 5e-3, 1e-2]), 1: np.zeros(3)}},
        3,
    )
    psnr = class_psnr(windows)
    assert psnr.counts == [2, 0, 1, 2]
    # class 0 weighs its first window three times: (3 * 1e-3 + 5e-3) / 4 = 2e-3
    assert psnr.methods['a'][0] == [pytest.approx(26.9897, abs=1e-4), None, 20.0, pytest.approx(21.2494, abs=1e-4)]
    assert psnr.methods['a'][1] == [math.inf, None, math.inf, math.inf]
    assert psnr.bicubic[0] == 20.0
    assert weighted_psnr(np.empty(0), np.empty(0)) is None


def test_gains_are_taken_seed_by_seed():
    psnr = ClassPsnr(
        [1, 1, 0],
        [20.0, 10.0, None],
        {
            'twin': {0: [25.0, math.inf, None], 1: [24.0, 11.0, None], 2: [99.0, 99.0, None]},
            'ours': {0: [26.0, math.inf, None], 1: [24.5, 11.5, None]},
        },
    )
    assert gains_by_class(psnr, 'ours', 'twin') == [Spread(0.75, 0.5, 1.0), Spread(0.25, 0.0, 0.5), None]
    assert gains_by_class(psnr, 'ours', None)[0] == Spread(5.25, 4.5, 6.0)
    assert gains_by_class(psnr, 'ours', None)[1] is None
    assert gains_by_class(psnr, 'ours', 'absent') == [None] * 3
    assert spread_over_seeds([]) is None


def test_a_sample_holds_as_many_of_each_class_and_is_keyed():
    classes = np.repeat([0, 1, 2], [50, 8, 3])
    sample = sample_of_classes(classes, 4, 5)
    assert np.bincount(classes[sample], minlength=4).tolist() == [5, 5, 3, 0]
    assert sample.tolist() == sorted(set(sample.tolist()))
    assert np.array_equal(sample, sample_of_classes(classes, 4, 5))
    # more windows elsewhere leave those of the other classes
    assert set(sample_of_classes(classes[:58], 4, 5)) <= set(sample)
    assert sample_of_classes(classes, 3, 0).size == 0
    assert hardest_tenth(np.arange(101.0)) == 90.0


def training(sample: int = 2) -> TrainingWindows:
    rng = np.random.default_rng(0)
    pairs = [Pair(f'{k}', rng.integers(0, 255, (16, 16, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)) for k in range(3)]
    classes = np.array([0, 0, 0, 0, 1, 1])
    difficulty = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    sampled = np.array([1, 4, 5])[:sample]
    return TrainingWindows(
        difficulty, classes, np.array([0.4, 0.6]), 0.55, WindowGrid(16, 8, 4), pairs[:sample], sampled, ''
    )


def test_training_windows_stand_for_all_of_their_class():
    assert training(3).weights.tolist() == [4.0, 1.0, 1.0]


def test_a_network_is_run_on_the_sample():
    import torch

    def black(images):
        return torch.zeros(*images.shape[:2], 16, 16)

    mse = sample_errors(training(3), Scorer('black', black), 4)
    luma = training(3).sample[0].hr[4:12, 4:12] @ np.array([65.738, 129.057, 25.064]) / 256 / 255
    assert mse[0] == pytest.approx((luma**2).mean())
    errors = training_errors(training(3), {'a': {0: mse}})
    assert errors.hard.tolist() == [False, False, True]
    assert errors.bicubic.tolist() == [0.2, 0.5, 0.6]
    assert errors.weights.tolist() == [4.0, 1.0, 1.0]
