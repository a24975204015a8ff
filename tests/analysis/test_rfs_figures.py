"""Figures of random filter sampling: they show the shares and the patches they are given."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bsr_plugins.analysis.rfs_figures import DrawnPatch, IntervalTable, contact_sheet, histogram, table_text
from bsr_plugins.analysis.rfs_figures import write_rfs_figures as write
from bsr_plugins.common.errors import DependencyError


def table(intervals=4):
    before = np.arange(intervals, 0, -1) / (intervals * (intervals + 1) / 2)
    return IntervalTable(
        np.linspace(0, 100 * intervals, intervals + 1),
        before,
        np.full(intervals, 1 / intervals),
        np.full(intervals, 1024),
        np.arange(intervals),
    )


def batch(count, intervals=4):
    random = np.random.default_rng(0)
    return [
        DrawnPatch(np.full((6, 6, 3), k % 256, np.uint8), float(k), int(random.integers(intervals)))
        for k in range(count)
    ]


def test_table_has_a_row_for_each_interval():
    lines = table_text(table()).splitlines()
    assert lines[0].split() == ['interval', 'PIC', 'before', 'after', 'asked', 'fallen', 'back']
    assert lines[1].split() == ['0', '0', 'to', '100', '40.0%', '25.0%', '1,024', '0']
    assert lines[4].split() == ['3', '300', 'to', '400', '10.0%', '25.0%', '1,024', '3']
    assert len({len(line) for line in lines}) == 1


def test_histogram_shows_both_shares_and_the_even_one():
    top, bottom = histogram(table(), 'x4').axes
    assert [bar.get_height() for bar in top.patches] == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert [bar.get_height() for bar in bottom.patches] == pytest.approx([0.25] * 4)
    for axes in (top, bottom):
        assert [bar.get_x() for bar in axes.patches] == [0, 100, 200, 300]
        assert axes.lines[0].get_ydata()[0] == 0.25
    assert top.get_ylim() == bottom.get_ylim()
    assert top.get_ylim()[1] > 0.4


@pytest.mark.parametrize(('count', 'shown'), [(1, 1), (5, 5), (16, 16), (64, 64), (65, 64), (300, 64)])
def test_contact_sheet_is_sorted_by_interval(count, shown):
    patches = batch(count)
    figure = contact_sheet(patches, table(), 'x4')
    figures = [axes for axes in figure.axes if axes.images]
    assert len(figures) == shown
    labels = [axes.get_xlabel().replace('interval ', '').split('\nPIC ') for axes in figures]
    order = [(int(interval), float(pic)) for interval, pic in labels]
    assert order == sorted(order)
    assert {(patch.interval_index, patch.pic) for patch in patches} >= set(order)
    assert order[0] == min((patch.interval_index, patch.pic) for patch in patches)
    for axes, (_, pic) in zip(figures, order):
        assert (axes.images[0].get_array() == int(pic) % 256).all()
    title = figure.get_suptitle() if hasattr(figure, 'get_suptitle') else figure._suptitle.get_text()
    assert f'batch of {count}' in title
    assert ('64 shown' in title) == (count > 64)


def test_files_are_figures(tmp_path: Path):
    import cv2

    written = write(tmp_path / 'new' / 'rfs.v1', table(16), batch(16, 16), 'x4')
    assert [path.name for path in written] == ['rfs.v1_histogram.png', 'rfs.v1_batch.png']
    assert sorted(path.name for path in (tmp_path / 'new').iterdir()) == sorted(path.name for path in written)
    for path in written:
        assert min(cv2.imread(str(path)).shape[:2]) > 300


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
    with pytest.raises(DependencyError, match='matplotlib') as caught:
        histogram(table(), 'x4')
    assert 'bsr-plugins[figures]' in caught.value.remedy
