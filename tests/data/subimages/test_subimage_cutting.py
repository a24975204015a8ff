"""Pixels of HR and LR windows, and images that cannot be cut."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.image_resizing import shrink
from bsr_plugins.data.subimages.subimage_cutting import SourceImage, cut
from bsr_plugins.data.subimages.windows import WindowGrid, default_grid, modulus

SMALL = WindowGrid(24, 12, 0)


def same(image):
    return image.tobytes()


def pixels(value):
    """The square window that ``same`` encoded."""
    flat = np.frombuffer(value, np.uint8)
    side = int(round((flat.size / 3) ** 0.5))
    return flat.reshape(side, side, 3)


@pytest.fixture
def write(tmp_path):
    def save(name, image):
        path = tmp_path / name
        assert cv2.imwrite(str(path), image)
        return path

    return save


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def source(hr, lr=None, factor=1.0, hr_wanted=True, lr_wanted=True):
    return SourceImage('a', Path(hr), lr, factor, hr_wanted, lr_wanted)


@pytest.mark.parametrize('scale', [2, 3, 4])
def test_windows_are_the_pixels_of_the_files(write, scale):
    grid = default_grid(scale)
    hr, lr = noise(192, 312), noise(192 // scale, 312 // scale, 1)
    made = cut(source(write('hr.png', hr), write('lr.png', lr)), grid, scale, modulus(grid, scale), same)
    assert (
        [key for key, _ in made.hr]
        == [key for key, _ in made.lr]
        == [f'a_s{number:03d}' for number in range(1, len(made.hr) + 1)]
    )
    tops, lefts = ((0, 63), (0, 63, 126, 183)) if scale == 3 else ((0, 64), (0, 64, 128, 184))
    places = [(top, left) for top in tops for left in lefts]
    assert len(made.hr) == len(places)
    side, low = grid.crop, grid.crop // scale
    for (top, left), (_, window), (_, small) in zip(places, made.hr, made.lr):
        assert np.array_equal(pixels(window), hr[top : top + side, left : left + side])
        assert np.array_equal(pixels(small), lr[top // scale : top // scale + low, left // scale : left // scale + low])


def test_lr_is_made_from_the_cropped_hr(write):
    hr = noise(51, 74)
    made = cut(source(write('hr.png', hr)), SMALL, 4, 12, same)
    lr = shrink(hr[:48, :72], 1 / 4)
    assert np.array_equal(pixels(made.lr[0][1]), lr[:6, :6])
    assert np.array_equal(pixels(made.lr[-1][1]), lr[-6:, -6:])


def test_a_shrunk_image_is_8_bit_before_its_lr_is_made(write):
    hr = noise(80, 80)
    made = cut(source(write('hr.png', hr), factor=0.6), SMALL, 2, 12, same)
    shrunk = shrink(hr, 0.6)[:48, :48]
    assert np.array_equal(pixels(made.hr[-1][1]), shrunk[-24:, -24:])
    assert np.array_equal(pixels(made.lr[-1][1]), shrink(shrunk, 1 / 2)[-12:, -12:])


@pytest.mark.parametrize(('hr_wanted', 'lr_wanted'), [(True, False), (False, True)])
def test_only_the_side_that_is_wanted_is_made(write, hr_wanted, lr_wanted):
    made = cut(
        source(write('hr.png', noise(48, 48)), write('lr.png', noise(24, 24)), 1.0, hr_wanted, lr_wanted),
        SMALL,
        2,
        12,
        same,
    )
    assert (len(made.hr) > 0, len(made.lr) > 0) == (hr_wanted, lr_wanted)


@pytest.mark.parametrize('lr_shape', [(24, 24), (11, 12), (12, 13)])
def test_a_wrong_scale_names_both_files_and_sizes(write, lr_shape):
    hr, lr = write('hr.png', noise(48, 48)), write('lr.png', noise(*lr_shape))
    with pytest.raises(DataError, match='divided by 4') as caught:
        cut(source(hr, lr), SMALL, 4, 12, same)
    text = str(caught.value)
    assert f'{lr} ({lr_shape[1]}x{lr_shape[0]})' in text
    assert f'{hr} (48x48)' in text
    assert '12x12' in text


def test_an_image_smaller_than_the_window_is_named(write):
    with pytest.raises(DataError, match=r'small\.png is smaller than the window') as caught:
        cut(source(write('small.png', noise(23, 90))), SMALL, 2, 12, same)
    assert '84x12' in str(caught.value)
    assert 'at least 24' in str(caught.value)


def test_an_image_too_small_once_shrunk_says_so(write):
    with pytest.raises(DataError, match=r'shrunk by 0\.6\) is smaller than the window') as caught:
        cut(source(write('small.png', noise(36, 90)), factor=0.6), SMALL, 2, 12, same)
    assert 'fewer --factors' in str(caught.value)
