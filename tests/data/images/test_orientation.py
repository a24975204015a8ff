"""The tag is read as OpenCV applies it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.images.orientation import orientation, orientation_of
from tagged_images import ENDINGS, exif, write_tagged

IMAGE = np.zeros((20, 30, 3), np.uint8)
IMAGE[:6, :8] = 255
IMAGE[14:, :8] = 128
TURNED = {
    1: IMAGE,
    2: IMAGE[:, ::-1],
    3: IMAGE[::-1, ::-1],
    4: IMAGE[::-1],
    5: IMAGE.swapaxes(0, 1),
    6: IMAGE.swapaxes(0, 1)[:, ::-1],
    7: IMAGE.swapaxes(0, 1)[::-1, ::-1],
    8: IMAGE.swapaxes(0, 1)[::-1],
}


@pytest.mark.parametrize('tag', sorted(TURNED))
@pytest.mark.parametrize('ending', ENDINGS)
def test_every_value_in_every_format(tmp_path, ending, tag):
    path = tmp_path / f'a{ending}'
    write_tagged(path, IMAGE, tag, '>' if tag % 2 and ending != '.tif' else '<')
    assert orientation_of(path) == orientation(path.read_bytes()) == tag
    read = read_image(path)
    if ending == '.png' and tag != 1 and read.shape == IMAGE.shape and np.array_equal(read, IMAGE):
        pytest.skip('this OpenCV leaves the tag of a PNG alone')
    assert read.shape == TURNED[tag].shape
    assert np.abs(read.astype(int) - TURNED[tag]).max() < 40


@pytest.mark.parametrize('tag', [0, 9, 65535])
def test_other_values_turn_nothing(tmp_path, tag):
    write_tagged(tmp_path / 'a.jpg', IMAGE, tag)
    assert orientation_of(tmp_path / 'a.jpg') == 1
    assert read_image(tmp_path / 'a.jpg').shape == IMAGE.shape


@pytest.mark.parametrize('ending', ENDINGS)
def test_files_cut_short_at_any_place(tmp_path, ending):
    write_tagged(tmp_path / f'a{ending}', IMAGE, 6)
    content = (tmp_path / f'a{ending}').read_bytes()
    assert {orientation(content[:length]) for length in range(0, len(content), 3)} <= {1, 6}


@pytest.mark.parametrize('content', [b'', b'\xff\xd8\xff', b'RIFF', b'II*\0', exif(6)[:-4], b'no image'])
def test_other_files_have_none(tmp_path, content):
    (tmp_path / 'a').write_bytes(content)
    assert orientation_of(tmp_path / 'a') in (1, 6)
    assert orientation_of(tmp_path / 'absent') == 1
    assert orientation_of(tmp_path) == 1


def test_images_without_a_tag(tmp_path):
    for ending in ENDINGS:
        cv2.imwrite(str(tmp_path / f'a{ending}'), IMAGE)
        assert orientation_of(tmp_path / f'a{ending}') == 1
