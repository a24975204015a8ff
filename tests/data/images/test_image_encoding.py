"""Every encoding is lossless and read by cv2.imdecode."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from bsr_plugins.common.errors import DependencyError, OptionError
from bsr_plugins.data.images.image_encoding import ENCODINGS, encoder


@pytest.fixture(scope='module')
def image():
    """Smooth with noise: what an image is to an encoder."""
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.integers(0, 250, (8, 8, 3), np.uint8), (200, 160), interpolation=cv2.INTER_CUBIC)
    return smooth // 2 + rng.integers(0, 6, smooth.shape, np.uint8)


def decoded(content):
    return cv2.imdecode(np.frombuffer(bytes(memoryview(content)), np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize('name', ENCODINGS)
def test_lossless_for_windows_of_a_larger_image(name, image):
    if name == 'fpng':
        pytest.importorskip('fpng')
    encode = encoder(name)
    for window in (image[16:80, 32:96], image[:1, :1], image):
        assert np.array_equal(decoded(encode(window)), window)


@pytest.mark.parametrize('name', [name for name in ENCODINGS if name != 'fpng'])
def test_same_pixels_same_bytes_in_threads(name, image):
    encode = encoder(name)
    with ThreadPoolExecutor(4) as pool:
        results = {bytes(memoryview(result)) for result in pool.map(encode, [image[:64, :64]] * 40)}
    assert results == {bytes(memoryview(encode(image[:64, :64].copy())))}


def test_png_is_what_basicsr_writes(image):
    stock = cv2.imencode('.png', image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    assert np.array_equal(encoder('png')(image), stock)


def test_png_fast_is_a_png_not_much_larger(image):
    fast, stock = (encoder(name)(image) for name in ('png-fast', 'png'))
    assert bytes(memoryview(fast))[:4] == b'\x89PNG'
    assert len(fast) < 1.1 * len(stock)


def test_an_unknown_name_gets_the_closest():
    with pytest.raises(OptionError, match="unknown encoding 'png_fast'") as caught:
        encoder('png_fast')
    assert "'png-fast'" in str(caught.value)


def test_fpng_without_its_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'fpng', None)
    with pytest.raises(DependencyError, match='needs the package fpng') as caught:
        encoder('fpng')
    assert "pip install 'bsr-plugins[fpng]'" in str(caught.value)
