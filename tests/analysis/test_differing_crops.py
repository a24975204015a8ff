"""Crops where two methods differ: both sides shown, no overlap, as many images as there are."""

from __future__ import annotations

import numpy as np
import pytest

from bsr_plugins.analysis.differing_crops import choose_crops, crop_candidates
from bsr_plugins.data.sampling.class_psnr import squared_error_y


def scene(spots, size=120):
    """Grey images with bright squares: (image, top, left, brightness)."""
    images = {name: np.full((size, size, 3), 100, np.uint8) for name in 'abc'}
    for name, top, left, brightness in spots:
        images[name][top : top + 16, left : left + 16] = brightness
    return images


HR = scene([])


def differing_crops(first, second, hr, size, count, border=0):
    candidates = []
    for name, original in hr.items():
        gain = squared_error_y(first[name], original) - squared_error_y(second[name], original)
        candidates += crop_candidates(name, gain, size, border)
    return choose_crops(candidates, count)


def test_each_side_gets_its_place():
    first, second = scene([('a', 40, 60, 200)]), scene([('b', 20, 8, 180)])
    crops = differing_crops(first, second, HR, size=32, count=2)
    assert [(crop.name, crop.gain > 0) for crop in crops] == [('a', True), ('b', False)]
    assert crops[0].top <= 40 <= 56 <= crops[0].top + 32
    assert crops[0].left <= 60 <= 76 <= crops[0].left + 32
    # 16 x 16 of 32 x 32 pixels are wrong by 100 grey levels of RGB
    assert crops[0].gain == pytest.approx((100 * 219 / 255 / 255) ** 2 / 4, rel=1e-3)


def test_other_images_come_before_a_second_place_in_one():
    first = scene([('a', 0, 0, 250), ('a', 100, 100, 240), ('b', 40, 40, 150), ('c', 40, 40, 140)])
    crops = differing_crops(first, HR, HR, size=32, count=6)
    assert [crop.name for crop in crops[:3]] == ['a', 'b', 'c']
    crops = differing_crops({'a': first['a']}, {'a': HR['a']}, {'a': HR['a']}, size=32, count=6)
    assert len(crops) >= 2
    for one in crops:
        assert all(
            one is other or abs(one.top - other.top) >= 32 or abs(one.left - other.left) >= 32 for other in crops
        )


def test_an_image_of_one_side_is_not_taken_for_the_other_while_there_are_more():
    first = scene([('a', 8, 8, 250)])
    second = scene([('a', 80, 80, 240), ('b', 40, 40, 200)])
    assert [crop.name for crop in differing_crops(first, second, HR, size=32, count=2)] == ['a', 'b']


def test_equal_images_give_none():
    assert differing_crops(HR, HR, HR, size=32, count=4) == []


def test_border_and_images_too_small():
    first = scene([('a', 0, 0, 250), ('b', 50, 50, 120)])
    crops = differing_crops(first, HR, HR, size=32, count=2, border=16)
    assert [crop.name for crop in crops] == ['b']
    assert all(crop.top >= 16 and crop.left >= 16 and crop.top + 32 <= 104 for crop in crops)
    assert differing_crops(first, HR, HR, size=100, count=2, border=16) == []
