"""JPEG compression at a float quality."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bsr_plugins.host.mends.jpeg_quality import mend_jpeg_quality


@pytest.fixture
def degradations() -> Any:
    return pytest.importorskip('basicsr.data.degradations')


def test_upstream_fails_and_the_mend_takes_the_whole_part(degradations: Any) -> None:
    import cv2

    image = np.random.default_rng(0).random((16, 16, 3), np.float32)
    upstream = inspect.unwrap(degradations.add_jpg_compression)
    if upstream is degradations.add_jpg_compression:
        pytest.skip('this OpenCV or this BasicSR takes a float')
    with pytest.raises(cv2.error):
        upstream(image, 75.9)
    compressed = degradations.add_jpg_compression(image, 75.9)
    assert np.array_equal(compressed, upstream(image, 75))
    assert not np.array_equal(compressed, upstream(image, 76))


def test_the_random_version_uses_the_mended_one(degradations: Any) -> None:
    image = np.full((8, 8, 3), 0.5, np.float32)
    assert degradations.random_add_jpg_compression(image, (60, 100)).shape == (8, 8, 3)


def test_a_repaired_function_is_left_alone() -> None:
    import cv2

    repaired = SimpleNamespace(add_jpg_compression=lambda img, quality=90: img, np=np, cv2=cv2)
    before = repaired.add_jpg_compression
    assert mend_jpeg_quality(repaired) is False and repaired.add_jpg_compression is before
    assert mend_jpeg_quality(SimpleNamespace()) is False
