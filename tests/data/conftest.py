"""Fixtures of the data tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
from bsr_plugins.data.subimages.windows import WindowGrid


class SubImages(NamedTuple):
    """A pair of sub-image LMDBs (x4, 32/16/12 windows) of three drawn images, and the folders they are from."""

    hr_lmdb: Path
    lr_lmdb: Path
    hr: Path
    lr: Path
    grid: WindowGrid


def draw_image(seed: int, height: int, width: int) -> Any:
    """Return flat, smooth and textured parts side by side: sub-images of every difficulty, uint8 BGR."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (height, width, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 9) * 400
    strength = np.linspace(0, 1, width)[None, :, None] ** 2
    image = 128 + smooth + strength * (40 * cv2.GaussianBlur(noise, (0, 0), 1.2) + 25 * noise)
    image[:, :40] = rng.integers(0, 256, 3)
    return image.clip(0, 255).round().astype(np.uint8)


@pytest.fixture(scope='session')
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with HR and LR (x4) folders of three drawn images; names hold blanks, underscores and dots."""
    from bsr_plugins.data.images.image_resizing import shrink

    root = tmp_path_factory.mktemp('images')
    for name in ('HR', 'LR'):
        (root / name).mkdir()
    for seed, (name, height, width) in enumerate((('a_s002 b', 96, 144), ('0001', 64, 128), ('c.d', 80, 120))):
        image = draw_image(seed, height, width)
        cv2.imwrite(str(root / 'HR' / f'{name}.png'), image)
        cv2.imwrite(str(root / 'LR' / f'{name}.png'), shrink(image, 1 / 4))
    return root


@pytest.fixture
def sub_images(images: Path, tmp_path: Path) -> SubImages:
    """Fresh LMDBs of ``images``."""
    grid = WindowGrid(32, 16, 12)
    made = create_subimage_lmdbs(images / 'HR', tmp_path / 'lmdb', 4, images / 'LR', grid, progress=False)
    return SubImages(made.hr, made.lr, images / 'HR', images / 'LR', grid)
