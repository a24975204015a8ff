"""The published bicubic: equal, pixel for pixel, to LR images made by it before."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from bsr_plugins.common.errors import DependencyError
from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.images.image_resizing import crop_to_multiple, shrink


def test_crop_keeps_the_top_left():
    image = np.arange(7 * 9 * 3).reshape(7, 9, 3)
    assert np.array_equal(crop_to_multiple(image, 4), image[:4, :8])
    assert crop_to_multiple(image[:4, :8], 4).shape == (4, 8, 3)


@pytest.mark.parametrize('scale', [2, 3, 4])
def test_lr_images_of_the_published_recipe(published_images, scale):
    for name in ('baby.png', 'woman.png'):
        made = shrink(read_image(published_images / 'Set5' / 'HR' / name), 1 / scale)
        assert np.array_equal(made, read_image(published_images / 'Set5' / f'LRbicX{scale}' / name))


def test_sides_are_rounded_up():
    assert shrink(np.zeros((41, 53, 3), np.uint8), 0.9).shape == (37, 48, 3)


def test_without_basicsr_the_remedies_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'basicsr.utils.matlab_functions', None)
    with pytest.raises(DependencyError, match='basicsr cannot be imported') as caught:
        shrink(np.zeros((8, 8, 3), np.uint8), 0.5)
    assert 'give --lr' in str(caught.value)
