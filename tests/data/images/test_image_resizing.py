"""Shrunk images equal exact rational arithmetic, and the published LR images but for what float32 cannot tell."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Tuple

import numpy as np
import pytest

from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.images.image_resizing import crop_to_multiple, shrink


def cubic(x: Fraction) -> Fraction:
    """Keys' kernel with a = -1/2."""
    x = abs(x)
    if x <= 1:
        return Fraction(3, 2) * x**3 - Fraction(5, 2) * x**2 + 1
    return -(x**3) / 2 + Fraction(5, 2) * x**2 - 4 * x + 2 if x < 2 else Fraction(0)


def exact(image: np.ndarray, scale: int) -> Tuple[np.ndarray, int]:
    """The image divided by ``scale``, as whole numerators (int64) over one denominator; borders are mirrored."""
    centre, first = Fraction(scale - 1, 2), -2 * scale
    weights = [cubic((centre - first - tap) / scale) / scale for tap in range(5 * scale)]
    assert sum(weights) == 1
    denominator = int(np.lcm.reduce([weight.denominator for weight in weights]))
    values = image.astype(np.int64)
    for axis in (0, 1):
        length = image.shape[axis]
        padding = [(0, 0)] * 3
        padding[axis] = (-first, 3 * scale)
        padded = np.moveaxis(np.pad(values, padding, mode='symmetric'), axis, 0)
        taps = [int(weight * denominator) * padded[tap : tap + length : scale] for tap, weight in enumerate(weights)]
        values = np.moveaxis(sum(taps), 0, axis)
    return values, denominator**2


def rounded(numerators: np.ndarray, denominator: int) -> np.ndarray:
    """To the nearest whole number, halves away from zero, within 0 to 255."""
    return ((2 * numerators.clip(0) + denominator) // (2 * denominator)).clip(max=255)


def distance_to_tie(numerators: np.ndarray, denominator: int) -> np.ndarray:
    return abs(2 * numerators % (2 * denominator) - denominator) / (2 * denominator)


def test_crop_keeps_the_top_left():
    image = np.arange(7 * 9 * 3).reshape(7, 9, 3)
    assert np.array_equal(crop_to_multiple(image, 4), image[:4, :8])
    assert crop_to_multiple(image[:4, :8], 4).shape == (4, 8, 3)


@pytest.mark.parametrize('scale', [2, 3, 4])
def test_equals_exact_arithmetic_ties_included(scale):
    image = np.random.default_rng(0).integers(0, 256, (600, 636, 3)).astype(np.uint8)
    numerators, denominator = exact(image, scale)
    assert scale != 2 or (distance_to_tie(numerators, denominator) == 0).any()
    assert np.array_equal(shrink(image, 1 / scale), rounded(numerators, denominator))


@pytest.mark.parametrize('factor', [Fraction(9, 10), Fraction(7, 10), Fraction(1, 2)])
def test_equals_exact_arithmetic_at_any_factor(factor):
    image = np.random.default_rng(1).integers(0, 256, (13, 1, 1)).astype(np.uint8)
    mirrored = np.concatenate([image[::-1], image, image[::-1]])[:, 0, 0].tolist()
    expected = []
    for output in range(math.ceil(13 * factor)):
        centre = (output + Fraction(1, 2)) / factor - Fraction(1, 2)
        weights = {place: cubic((centre - place) * factor) for place in range(-13, 26)}
        value = sum(weight * mirrored[place + 13] for place, weight in weights.items()) / sum(weights.values())
        expected.append(min(255, max(0, math.floor(value + Fraction(1, 2)))))
    # One column wide, the image is mirrored sideways into a constant: only its rows are resized.
    assert shrink(image, float(factor))[:, 0, 0].tolist() == expected


@pytest.mark.parametrize('scale', [2, 3, 4])
def test_published_lr_images_differ_only_at_ties(published_images, scale):
    """Published from float32: a level apart where the exact value is within 1e-4 of a tie, equal elsewhere."""
    for name in ('baby.png', 'woman.png'):
        hr = read_image(published_images / 'Set5' / 'HR' / name)
        made, published = shrink(hr, 1 / scale), read_image(published_images / 'Set5' / f'LRbicX{scale}' / name)
        apart = abs(made.astype(int) - published)
        assert apart.max() <= 1
        assert (distance_to_tie(*exact(hr, scale))[apart > 0] < 1e-4).all()
        assert apart.sum() <= 40


def test_sides_are_rounded_up():
    assert shrink(np.zeros((41, 53, 3), np.uint8), 0.9).shape == (37, 48, 3)
