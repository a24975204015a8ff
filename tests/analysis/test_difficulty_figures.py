"""Figures of the difficulty: they show what they should, at any number of sub-images."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsr_plugins.analysis import difficulty_figures as figures
from bsr_plugins.common.errors import DependencyError
from bsr_plugins.data.difficulty.difficulty_file import DifficultyHeader
from bsr_plugins.data.sampling.long_tail import class_counts

HEADER = DifficultyHeader('bicubic', 4, 'y', 4, 1000, '0' * 64)


def long_tailed(count: int) -> tuple:
    keys = [f'{number // 10:04d}_s{number % 10 + 1:03d}' for number in range(count)]
    return keys, np.random.default_rng(0).lognormal(-7, 1.3, count)


@pytest.fixture
def lmdb_path(tmp_path: Path) -> Path:
    import cv2
    from basicsr.utils.lmdb_util import LmdbMaker

    maker = LmdbMaker(str(tmp_path / 'HR.lmdb'), map_size=1 << 24)
    rng = np.random.default_rng(0)
    for key in long_tailed(60)[0]:
        image = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        maker.put(cv2.imencode('.png', image)[1].tobytes(), key, (16, 16, 3))
    maker.close()
    return tmp_path / 'HR.lmdb'


def test_histogram_counts_every_sub_image_and_marks_the_edges() -> None:
    keys, mse = long_tailed(1000)
    mse[:5] = 0
    figure = figures.histogram(keys, mse, HEADER)
    linear, logarithmic = figure.axes
    for axes in figure.axes:
        bars = [patch for patch in axes.patches if patch.get_height() > 0]
        assert sum(bar.get_height() for bar in bars) == pytest.approx(1000)
        assert len({bar.get_facecolor() for bar in bars}) == 10
    assert logarithmic.get_xscale() == 'log'
    assert 'logarithmic (below 1e-07 drawn there)' in logarithmic.get_xlabel()
    edges = sorted(line.get_xdata()[0] for line in logarithmic.lines)
    counts = class_counts(1000)
    assert edges == pytest.approx(np.sort(mse)[np.cumsum(counts)[:-1] - 1])
    rows = [text.get_text().split() for text in linear.get_legend().get_texts()]
    assert [int(row[1]) for row in rows] == counts.tolist()
    assert sum(float(row[3]) for row in rows) == pytest.approx(1, abs=0.01)
    assert 'x4, scored by bicubic' in linear.get_title()


@pytest.mark.parametrize('count', [1, 3])
def test_too_few_sub_images_for_classes(count: int) -> None:
    keys, _ = long_tailed(count)
    figure = figures.histogram(keys, np.zeros(count), HEADER)
    assert figure.axes[0].get_legend() is None
    assert figure.axes[1].lines[:] == []


def test_spread_over_images() -> None:
    keys = ['a_s001', 'a_s002', 'b_s001', 'a_s003', 'c_s001']
    assert figures.spread_over_images(keys, np.arange(5), 2) == [0, 2]
    assert figures.spread_over_images(keys, np.arange(5), 4) == [0, 2, 4, 1]
    assert figures.spread_over_images(keys, np.arange(5), 9) == [0, 2, 4, 1, 3]


def test_contact_sheet_shows_the_extremes_with_their_mse(lmdb_path: Path) -> None:
    keys, mse = long_tailed(60)
    figure = figures.contact_sheet(keys, mse, lmdb_path, HEADER)
    shown = [axes.get_title() for axes in figure.axes if axes.images]
    assert len(shown) == 2 * 16
    easiest, hardest = int(mse.argmin()), int(mse.argmax())
    assert shown[0] == f'{keys[easiest]}\n{mse[easiest]:.2e}'
    assert shown[16] == f'{keys[hardest]}\n{mse[hardest]:.2e}'


def test_files_are_figures(lmdb_path: Path, tmp_path: Path) -> None:
    import cv2

    keys, mse = long_tailed(60)
    written = figures.write_difficulty_figures(tmp_path / 'difficulty_x4.txt', keys, mse, lmdb_path, HEADER)
    assert [path.name for path in written] == ['difficulty_x4_histogram.png', 'difficulty_x4_contact_sheet.png']
    for path in written:
        image = cv2.imread(str(path))
        assert min(image.shape[:2]) > 500
        assert image.std() > 20
        assert len(np.unique(image.reshape(-1, 3), axis=0)) > 50


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *more: Any) -> Any:
        if name.startswith('matplotlib'):
            raise ImportError(f"No module named '{name}'")
        return real(name, *more)

    monkeypatch.setattr(builtins, '__import__', absent)
    with pytest.raises(DependencyError, match='matplotlib') as caught:
        figures.histogram(*long_tailed(30), HEADER)
    assert 'bsr-plugins[figures]' in caught.value.remedy
