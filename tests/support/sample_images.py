"""A folder laid out as that of ``BSR_DATA``, made of the images inside the installed scikit-image."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Sequence, Tuple

import cv2
import numpy as np

from bsr_plugins.analysis.demo_images import HELD_OUT, TRAINING, scikit_image_folder
from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.images.image_resizing import shrink

#: Height and width of the images of each group, about those of ``BSR_DATA``; 12 divides them.
BSDS, T91, SET5 = (312, 480), (192, 240), (252, 276)


def write_sample_images(root: Path) -> None:
    """Write ``train`` and ``Set5``, each with HR and LR (LRbicX4 and so on), LR by the pack's own bicubic."""
    folder = scikit_image_folder()
    names = [name for name in sorted((*TRAINING, *HELD_OUT)) if (folder / name).is_file()]
    images = {name.partition('.')[0]: read_image(folder / name) for name in names}
    set5 = {key: _top_left(images[key], SET5) for key in (name.partition('.')[0] for name in names if name in HELD_OUT)}
    bsds = {f'bsds_{key}': _top_left(image, BSDS) for key, image in images.items() if _holds(image, BSDS)}
    # Another corner: no image of one group is a part of the other's.
    t91 = {f't91_{key}': _bottom_right(image, T91) for key, image in images.items()}
    _write_group(root / 'Set5', set5, (2, 3, 4))
    _write_group(root / 'train', t91, (2, 3, 4))
    # The larger images take seconds at each scale, and tests use them at one.
    _write_group(root / 'train', bsds, (4,))


def _write_group(root: Path, images: Dict[str, np.ndarray], scales: Sequence[int]) -> None:
    for name, scale in {'HR': 1, **{f'LRbicX{scale}': scale for scale in scales}}.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for key, image in images.items():
            cv2.imwrite(str(root / name / f'{key}.png'), image if scale == 1 else shrink(image, 1 / scale))


def _holds(image: np.ndarray, size: Tuple[int, int]) -> bool:
    return image.shape[0] >= size[0] and image.shape[1] >= size[1]


def _top_left(image: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    return image[: size[0], : size[1]]


def _bottom_right(image: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    return image[-size[0] :, -size[1] :]
