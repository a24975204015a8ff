"""Difficulty at scale 1: the error of the LR image itself."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bsr_plugins.data.difficulty.difficulty_file import read_difficulty
from bsr_plugins.data.difficulty.scorers import bicubic_scorer, choose_device
from bsr_plugins.data.difficulty.scoring import score_difficulty
from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
from bsr_plugins.data.subimages.windows import WindowGrid


def test_the_score_is_the_error_of_the_lr_image(tmp_path: Path) -> None:
    hr = np.random.default_rng(0).integers(0, 256, (24, 40, 3)).astype(np.uint8)
    lr = cv2.GaussianBlur(hr, (0, 0), 1.0)
    for folder, image in (('HR', hr), ('LR', lr)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / 'a.png'), image)
    made = create_subimage_lmdbs(
        tmp_path / 'HR', tmp_path / 'out', 1, tmp_path / 'LR', WindowGrid(24, 16, 0), progress=False
    )
    score_difficulty(made.hr, made.lr, 1, bicubic_scorer(1, choose_device('cpu')), progress=False)
    mse = read_difficulty(made.hr / 'difficulty_x1.txt')[2]
    luma = ((hr.astype(float) - lr)[..., ::-1] / 255) @ np.array([65.738, 129.057, 25.064]) / 256
    expected = [(luma[1:-1, left + 1 : left + 23] ** 2).mean() for left in (0, 16)]
    assert mse == pytest.approx(expected, rel=1e-6)
