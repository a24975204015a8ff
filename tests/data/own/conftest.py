"""Folders of images as people have them."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest


@pytest.fixture
def write() -> Callable[..., Path]:
    """Return ``write(path, height=140, width=150, depth=8, channels=3)``: noise, another for each name."""
    import zlib

    import cv2
    import numpy as np

    def make(path: Path, height: int = 140, width: int = 150, depth: int = 8, channels: int = 3) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(zlib.crc32(path.name.encode()))
        shape = (height, width) if channels == 1 else (height, width, channels)
        image = generator.integers(0, 1 << depth, shape).astype(np.uint8 if depth == 8 else np.uint16)
        path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
        return path

    return make
