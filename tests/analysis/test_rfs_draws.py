"""The shares that are shown, against all windows and patches measured afresh."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bsr_plugins.analysis.rfs_draws import draw_patches
from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.sampling.pic import patch_information_capacity, window_pic
from bsr_plugins.data.sampling.pic_intervals import interval_of
from rough_images import dataset_opt, write_rough_images


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('BSR_PLUGINS_CACHE', str(tmp_path / 'cache'))
    return write_rough_images(tmp_path)


def test_shares_are_those_of_the_images_and_the_patches(images: Path) -> None:
    opt = dataset_opt(images, scale=2, phase='train', mean=[0.5] * 3, std=[0.5] * 3)
    draws = draw_patches(opt, 100, seed=3)
    edges = draws.table.edges
    maps = [window_pic(cv2.imread(str(path)), 12) for path in sorted((images / 'LR').iterdir())]
    shares = [np.bincount(interval_of(pic.ravel(), edges), minlength=4) / pic.size for pic in maps]
    assert draws.table.before == pytest.approx(np.mean(shares, axis=0), abs=1e-6)
    assert np.abs(draws.table.before - 0.25).max() > 0.02
    assert draws.table.asked.sum() == 104
    assert len(draws.batch) == 8
    for patch in draws.batch:
        assert patch.image.shape == (12, 12, 3)
        assert patch_information_capacity(patch.image) == pytest.approx(patch.pic, rel=1e-5)
        assert interval_of(patch.pic, edges) == patch.interval_index
    assert np.bincount([patch.interval_index for patch in draws.batch]).tolist() == [2] * 4
    again, other = draw_patches(opt, 100, seed=3), draw_patches(opt, 100, seed=4)
    assert [patch.pic for patch in again.batch] == [patch.pic for patch in draws.batch]
    assert [patch.pic for patch in other.batch] != [patch.pic for patch in draws.batch]


def test_what_fell_back_is_told(images: Path) -> None:
    table = draw_patches(dataset_opt(images, scale=2, phase='train', pic_max=10000), 80).table
    assert table.after[3] == 0
    assert table.asked.tolist() == [20] * 4
    assert table.fallen_back[3] == 20
    assert table.fallen_back[0] == 0


def test_no_patches(images: Path) -> None:
    with pytest.raises(OptionError, match='At least one patch'):
        draw_patches(dataset_opt(images, scale=2), 0)
