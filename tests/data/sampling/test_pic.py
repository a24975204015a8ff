"""PIC of a patch against figures computed by hand, and that of every window against each window cut out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.sampling.pic import CHANNELS, PADS, patch_information_capacity, window_pic, window_pic_bands
from cases import every


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def cut_out(image, size, pad='reflect', channel='max'):
    return np.array(
        [
            [
                patch_information_capacity(image[y : y + size, x : x + size], pad, channel)
                for x in range(image.shape[1] - size + 1)
            ]
            for y in range(image.shape[0] - size + 1)
        ]
    )


def by_definition(patch, pad, channel):
    """Eq. 1 to 3 word for word: one multiplication at a time."""
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)
    padded = (
        patch
        if pad == 'valid'
        else np.pad(patch, ((1, 1), (1, 1), (0, 0)), mode='reflect' if pad == 'reflect' else 'edge')
    )
    total = 0.0
    for y in range(padded.shape[0] - 2):
        for x in range(padded.shape[1] - 2):
            around = padded[y : y + 3, x : x + 3]
            magnitudes = [
                abs((around[..., c] * kernel).sum()) + abs((around[..., c] * kernel.T).sum())
                for c in range(patch.shape[2])
            ]
            total += max(magnitudes) if channel == 'max' else sum(magnitudes)
    return total


def three(plane):
    return np.repeat(np.asarray(plane, float)[..., None], 3, axis=2)


STEP = three(np.repeat([[0, 0, 0, 0, 1, 1, 1, 1]], 8, axis=0))
RAMP = three(np.repeat([range(8)], 8, axis=0))
IMPULSE = np.zeros((8, 8, 3))
IMPULSE[3, 4, 2] = 1


@pytest.mark.parametrize(
    ('patch', 'pad', 'channel', 'expected'),
    [
        (three(np.full((8, 8), 0.7)), 'reflect', 'max', 0),
        (three(np.full((8, 8), 0.7)), 'replicate', 'sum', 0),
        (STEP, 'reflect', 'max', 64),
        (STEP, 'reflect', 'sum', 192),
        (STEP, 'valid', 'max', 48),
        (STEP, 'valid', 'sum', 144),
        (RAMP, 'reflect', 'max', 384),
        (RAMP, 'replicate', 'max', 448),
        (RAMP, 'valid', 'max', 288),
        (IMPULSE, 'reflect', 'max', 16),
        (IMPULSE, 'reflect', 'sum', 16),
    ],
)
def test_figures_by_hand(patch, pad, channel, expected):
    assert patch_information_capacity(patch, pad, channel) == pytest.approx(expected, abs=1e-12)
    assert window_pic(patch, 8, pad, channel) == pytest.approx(np.full((1, 1), expected), abs=1e-9)


@pytest.mark.parametrize('pad', PADS)
@pytest.mark.parametrize('channel', CHANNELS)
def test_one_patch_follows_the_definition(pad, channel):
    patch = noise(9, 7, 3) / 255
    assert patch_information_capacity(patch, pad, channel) == pytest.approx(by_definition(patch, pad, channel))


@every('pad', PADS)
@every('channel', CHANNELS)
@every('size', [3, 4, 7, 20])
def test_windows_equal_patches_to_the_last_bit(pad, channel, size):
    for image in (noise(20, 26, 3), noise(20, 26, 1), noise(20, 26)):
        found = window_pic(image, size, pad, channel)
        assert found.dtype == np.float64
        assert np.array_equal(found, cut_out(image, size, pad, channel))
    image = noise(20, 26, 3) / 255
    np.testing.assert_allclose(window_pic(image, size, pad, channel), cut_out(image, size, pad, channel), rtol=1e-11)


@pytest.mark.parametrize('pad', PADS)
def test_windows_of_an_image(bsr_data: Path, pad):
    image = read_image(sorted((bsr_data / 'train' / 'LRbicX4').iterdir())[0])[:70, :80]
    assert np.array_equal(window_pic(image, 48, pad), cut_out(image, 48, pad))


def test_the_steepest_image_does_not_overflow():
    # Checks of two pixels: both derivatives are steep at every pixel.
    image = np.repeat(np.kron(np.indices((320, 320)).sum(0) % 2, np.ones((2, 2)))[..., None], 3, axis=2) * 255
    image = image.astype(np.uint8)
    for size in (592, 593, 639):
        for channel in CHANNELS:
            found = window_pic(image, size, 'replicate', channel)
            assert found[1, 1] == patch_information_capacity(image[1 : size + 1, 1 : size + 1], 'replicate', channel)
            assert found[1, 1] == pytest.approx(
                patch_information_capacity(image[1 : size + 1, 1 : size + 1] / 255, 'replicate', channel), rel=1e-12
            )


@pytest.mark.parametrize('max_pixels', [1, 25 * 26, 30 * 26, 10**9])
def test_bands_are_the_whole(max_pixels):
    image = noise(61, 26, 3)
    whole = window_pic(image, 12)
    bands = list(window_pic_bands(image, 12, max_pixels=max_pixels))
    assert np.array_equal(np.concatenate([values for _, values in bands]), whole)
    assert [first for first, _ in bands] == np.cumsum([0] + [len(values) for _, values in bands[:-1]]).tolist()
    assert all((len(values) + 11) * 26 <= max(max_pixels, 23 * 26) for _, values in bands)


def test_units_channels_and_orientation():
    patch = noise(12, 12, 3)
    pic = patch_information_capacity(patch)
    assert patch_information_capacity(patch / 255) == pytest.approx(pic)
    assert patch_information_capacity((patch / 255).astype(np.float32)) == pytest.approx(pic, rel=1e-6)
    for same in (patch[..., ::-1], patch[::-1], patch[:, ::-1], patch.transpose(1, 0, 2), 255 - patch):
        assert patch_information_capacity(same) == pic
    grey = patch_information_capacity(patch[..., 0])
    assert patch_information_capacity(np.repeat(patch[..., :1], 3, axis=2), channel='sum') == pytest.approx(3 * grey)


def test_arguments_are_left_alone():
    patch = noise(8, 8, 3)
    before = patch.copy()
    window_pic(patch, 4, 'replicate')
    patch_information_capacity(patch)
    assert np.array_equal(patch, before)


@pytest.mark.parametrize('measure', [patch_information_capacity, lambda patch, *a: window_pic(patch, 4, *a)])
def test_what_is_no_patch(measure):
    for shape in ((2, 8, 3), (8, 2), (8, 8, 4), (8,), (1, 8, 8, 3)):
        with pytest.raises(DataError, match='PIC is not defined for this array|smaller than the window'):
            measure(np.zeros(shape, np.uint8))
    with pytest.raises(DataError, match='uint8 or float') as caught:
        measure(np.zeros((8, 8, 3), np.uint16))
    assert caught.value.found == 'uint16'
    with pytest.raises(OptionError, match='unknown pad of PIC') as caught:
        measure(noise(8, 8), 'reflec')
    assert caught.value.remedy == "did you mean 'reflect'?"
    with pytest.raises(OptionError, match='unknown channel of PIC'):
        measure(noise(8, 8), 'valid', 'mean')


def test_window_and_image_do_not_fit():
    with pytest.raises(DataError, match='smaller than the window') as caught:
        window_pic(noise(8, 9, 3), 9)
    assert (caught.value.expected, caught.value.found) == ('at least 9 x 9', '8 x 9')
    with pytest.raises(OptionError, match='too small for the Sobel filter'):
        window_pic(noise(8, 9, 3), 2)
