"""Images as BasicSR reads them, and files that are none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.image_reading import read_image


@pytest.fixture(scope='module')
def colour():
    return np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)


def written(path, image):
    assert cv2.imwrite(str(path), image)
    return path


def test_colour_is_exact(tmp_path, colour):
    assert np.array_equal(read_image(written(tmp_path / 'a.png', colour)), colour)


def test_grey_gets_three_equal_channels(tmp_path, colour):
    image = read_image(written(tmp_path / 'a.png', colour[..., 0]))
    assert image.shape == colour.shape
    assert all(np.array_equal(image[..., channel], colour[..., 0]) for channel in range(3))


def test_transparency_is_dropped(tmp_path, colour):
    alpha = np.zeros_like(colour[..., :1])
    assert np.array_equal(read_image(written(tmp_path / 'a.png', np.concatenate([colour, alpha], 2))), colour)


@pytest.mark.parametrize('channels', [1, 3])
def test_sixteen_bits_are_refused(tmp_path, colour, channels):
    path = written(tmp_path / 'deep.png', colour[..., :channels].astype(np.uint16) * 257)
    with pytest.raises(DataError, match=r'deep\.png has more than 8 bits a channel'):
        read_image(path)


@pytest.mark.parametrize('name', ['a.png', 'a.jpg', 'a.bmp'])
@pytest.mark.parametrize('part', [0, 0.02, 0.5, 0.98])
def test_files_cut_short_are_refused(tmp_path, colour, name, part):
    path = written(tmp_path / name, colour)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(DataError, match='is damaged or not an image') as caught:
        read_image(path)
    assert name in str(caught.value)


def test_files_that_are_no_images_are_refused(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'no image at all')
    with pytest.raises(DataError, match=r'a\.png is damaged or not an image'):
        read_image(tmp_path / 'a.png')


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r'absent\.png cannot be read'):
        read_image(tmp_path / 'absent.png')
