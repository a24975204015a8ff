"""PSNR by difficulty class: golden values, and windows scored as the training's sub-images are."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from bsr_plugins.data.difficulty.scorers import bicubic_scorer
from bsr_plugins.data.sampling.class_psnr import (
    HeldOutWindows,
    class_held_out_windows,
    psnr_by_class,
    psnr_of,
    squared_error_y,
)
from bsr_plugins.data.subimages.windows import WindowGrid, windows

GRID = WindowGrid(32, 16, 12)


def make_image(seed: int, height: int = 64, width: int = 96) -> np.ndarray:
    """Smooth to the left, noisy to the right, so that windows differ in difficulty."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (height, width, 3)) * np.linspace(0, 60, width)[None, :, None]
    return (128 + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture
def pair():
    from bsr_plugins.data.images.image_resizing import shrink

    hr = {'a': make_image(1), 'b': make_image(2)}
    return hr, {name: shrink(image, 1 / 4) for name, image in hr.items()}


def test_pooled_psnr_by_hand():
    # errors of 0.1 and 0.01 in a class: mean MSE 5.05e-3
    assert psnr_of(np.array([1e-2, 1e-4])) == pytest.approx(-10 * math.log10(5.05e-3))
    assert psnr_of(np.array([])) is None
    assert psnr_of(np.zeros(3)) == math.inf


def test_luma_error_is_that_of_basicsrs_psnr():
    from basicsr.metrics import calculate_psnr

    one, other = make_image(3), make_image(4)
    mse = squared_error_y(one, other)[4:-4, 4:-4].mean()
    assert -10 * np.log10(mse) == pytest.approx(calculate_psnr(one, other, 4, test_y_channel=True), abs=1e-9)


def test_class_psnr_by_hand():
    original = np.full((32, 64, 3), 100, np.uint8)
    image = original.copy()
    image[:, :32] += 10  # the left window is wrong by 10 grey levels, the right one exact
    held_out = HeldOutWindows(
        {'a': [(0, 0), (0, 32)]}, {'a': np.array([0.2, 0.1])}, {'a': np.array([2, 0])}, np.array([1, 0, 1])
    )
    psnr = psnr_by_class({'a': image}, {'a': original}, held_out, crop=32, border=4)
    assert psnr == [math.inf, None, pytest.approx(20 * math.log10(255 / (10 * 219 / 255)), abs=1e-3)]


def test_one_class_over_one_window_is_the_images_psnr():
    from basicsr.metrics import calculate_psnr

    original, image = make_image(5, 40, 40), make_image(6, 40, 40)
    held_out = HeldOutWindows({'a': [(0, 0)]}, {'a': np.array([0.1])}, {'a': np.array([0])}, np.array([1]))
    psnr = psnr_by_class({'a': image}, {'a': original}, held_out, crop=40, border=4)
    assert psnr[0] == pytest.approx(calculate_psnr(image, original, 4, test_y_channel=True), abs=1e-9)


def test_windows_are_scored_as_the_training_windows_are(pair, tmp_path):
    from bsr_plugins.data.difficulty.score_windows import score_batches
    from bsr_plugins.data.subimages.lmdb_images import LmdbImages
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs

    hr, lr = pair
    (tmp_path / 'HR').mkdir()
    for name, image in hr.items():
        cv2.imwrite(str(tmp_path / 'HR' / f'{name}.png'), image)
    made = create_subimage_lmdbs(tmp_path / 'HR', tmp_path / 'lmdb', 4, grid=GRID, progress=False)
    held_out = class_held_out_windows(hr, lr, GRID, 4, bicubic_scorer(4), 4, [1.0])
    for name in hr:
        count = len(windows(64, 96, GRID))
        keys = [f'{name}_s{number:03d}' for number in range(1, count + 1)]
        ((_, expected),) = score_batches([keys], LmdbImages(made.hr), LmdbImages(made.lr), bicubic_scorer(4), 4, 4)
        assert held_out.difficulty[name].tolist() == pytest.approx(expected.tolist(), rel=1e-12)


def test_classes_follow_the_thresholds_given(pair):
    hr, lr = pair
    scored = class_held_out_windows(hr, lr, GRID, 4, bicubic_scorer(4), 4, [1.0])
    everything = np.sort(np.concatenate(list(scored.difficulty.values())))
    assert scored.counts.tolist() == [everything.size]
    middle = everything[everything.size // 2]
    held_out = class_held_out_windows(hr, lr, GRID, 4, bicubic_scorer(4), 4, [middle, everything[-1] / 2])
    assert held_out.counts.tolist() == [(everything <= middle).sum(), (everything > middle).sum()]
    for name in hr:
        assert held_out.class_index[name].tolist() == (held_out.difficulty[name] > middle).astype(int).tolist()
        assert held_out.corners[name] == windows(64, 96, GRID)


def test_an_image_smaller_than_a_window_has_none(pair):
    hr, lr = pair
    held_out = class_held_out_windows({'a': hr['a'][:16]}, {'a': lr['a'][:4]}, GRID, 4, bicubic_scorer(4), 4, [1.0])
    assert held_out.counts.tolist() == [0]
    assert psnr_by_class({'a': hr['a'][:16]}, {'a': hr['a'][:16]}, held_out, 32, 4) == [None]


@pytest.mark.parametrize('border', [0, 4])
def test_means_by_cells_are_those_of_the_windows(border):
    from bsr_plugins.data.images.luma_error import windows_mse, windows_mse_by_cells

    error = np.random.default_rng(0).random((70, 101))
    corners = windows(70, 101, GRID)
    found = windows_mse_by_cells(error, corners, 32, border)
    assert found.tolist() == pytest.approx(windows_mse(error, corners, 32, border).tolist(), rel=1e-12)
    assert windows_mse_by_cells(error, [], 32, border).size == 0
