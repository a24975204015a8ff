"""Small image pairs that get rougher from left to right, with the options of a data set that balances them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import cv2
import numpy as np


def write_rough_images(root: Path) -> Path:
    """Write folders HR and LR (x2) of four images into ``root`` and return it."""
    rng = np.random.default_rng(0)
    for folder in ('HR', 'LR'):
        (root / folder).mkdir()
    for name in 'abcd':
        lr = 128 + rng.normal(0, 1, (40, 60, 3)) * np.linspace(1, 60, 60)[None, :, None]
        lr = lr.clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(root / 'LR' / f'{name}x2.png'), lr)
        cv2.imwrite(str(root / 'HR' / f'{name}.png'), cv2.resize(lr, None, fx=2, fy=2))
    return root


def dataset_opt(root: Path, **more: Any) -> Dict[str, Any]:
    """Return options of an RFSBalancedBatchDataset of those images, as an option file holds them."""
    return {
        'name': 'n',
        'type': 'RFSBalancedBatchDataset',
        'dataroot_gt': str(root / 'HR'),
        'dataroot_lq': str(root / 'LR'),
        'filename_tmpl': '{}x2',
        'io_backend': {'type': 'disk'},
        'gt_size': 24,
        'use_hflip': True,
        'use_rot': True,
        'num_intervals': 4,
        'batch_size_per_gpu': 8,
        **more,
    }
