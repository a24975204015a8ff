"""Windows against the published counts and against a direct restatement of the rule."""

from __future__ import annotations

import numpy as np
import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.subimages.windows import (
    WindowGrid,
    check_grid,
    default_grid,
    modulus,
    positions,
    sub_image_name,
    windows,
)
from cases import every

USUAL, THREE = WindowGrid(128, 64, 48), WindowGrid(129, 63, 48)

# Height -> rows of windows by (128, 64, 48) and by (129, 63, 48), for sides that DIV2K has.
ROWS = {
    648: (9, 9),
    768: (11, 11),
    816: (11, 12),
    972: (14, 14),
    1128: (16, 17),
    1152: (17, 17),
    1200: (17, 18),
    1320: (19, 20),
    1344: (20, 20),
    1356: (20, 20),
    1368: (20, 20),
    1380: (20, 21),
    1404: (21, 21),
    1440: (21, 22),
    1536: (23, 23),
    1848: (28, 28),
    2040: (31, 31),
}


@every('height', ROWS)
def test_rows_of_the_published_heights(height):
    assert (len(positions(height, *USUAL)), len(positions(height, *THREE))) == ROWS[height]


@pytest.mark.parametrize(
    ('length', 'count', 'last'),
    [(2040, 31, 1912), (1356, 20, 1216), (1404, 21, 1276), (128, 1, 0), (176, 1, 0), (177, 2, 49)],
)
def test_golden_sides(length, count, last):
    starts = positions(length, *USUAL)
    assert (len(starts), starts[-1]) == (count, last)


def test_a_2k_image_and_its_pyramid_have_the_published_number_of_windows():
    counts = []
    for factor in (10, 9, 8, 7, 6):
        sides = [-(-side * factor // 10) // 4 * 4 for side in (1356, 2040)]
        counts.append(len(windows(*sides, USUAL)))
    assert counts == [620, 486, 384, 294, 198]
    assert sum(counts) * 800 == 1_585_600


@pytest.mark.parametrize('grid', [USUAL, THREE, WindowGrid(48, 48, 0), WindowGrid(32, 8, 100)])
def test_windows_lie_inside_in_steps_and_leave_no_more_than_the_threshold(grid):
    for length in np.random.default_rng(0).integers(grid.crop, 700, 200):
        starts = positions(int(length), *grid)
        assert starts == sorted(set(starts))
        assert starts[0] == 0
        assert starts[-1] + grid.crop <= length
        assert length - (starts[-1] + grid.crop) <= max(grid.threshold, 0)
        assert all(b - a == grid.step for a, b in zip(starts[:-1], starts[1:-1]))


def test_a_side_shorter_than_the_window_has_none():
    assert positions(127, *USUAL) == []
    assert windows(2000, 127, USUAL) == []


def test_windows_go_row_by_row():
    assert windows(192, 256, USUAL) == [(0, 0), (0, 64), (0, 128), (64, 0), (64, 64), (64, 128)]


def test_names_count_from_one():
    assert sub_image_name('0001', 1) == '0001_s001'
    assert sub_image_name('0001', 1234) == '0001_s1234'


@pytest.mark.parametrize(('scale', 'grid'), [(2, USUAL), (3, THREE), (4, USUAL)])
def test_default_grids_fit_their_scales(scale, grid):
    assert default_grid(scale) == grid
    check_grid(grid, scale)


@pytest.mark.parametrize(
    ('grid', 'scale', 'expected'),
    [
        (USUAL, 2, 4),
        (USUAL, 4, 4),
        (USUAL, 1, 4),
        (THREE, 3, 3),
        (USUAL, 8, 8),
        (WindowGrid(480, 240, 48), 4, 12),
        (WindowGrid(480, 240, 48), 3, 12),
        (WindowGrid(50, 10, 0), 5, 10),
    ],
)
def test_modulus(grid, scale, expected):
    assert modulus(grid, scale) == expected
    assert expected % scale == 0


def test_scales_of_one_grid_share_their_windows():
    assert modulus(USUAL, 2) == modulus(USUAL, 4)


@pytest.mark.parametrize(
    ('grid', 'scale', 'words'),
    [
        (WindowGrid(128, 64, 48), 3, 'crop 128, step 64: not divisible by the scale 3'),
        (WindowGrid(129, 64, 48), 3, 'step 64: not divisible by the scale 3'),
        (WindowGrid(128, 64, 50), 4, 'thresh 50: not divisible by the scale 4'),
        (WindowGrid(128, 0, 48), 4, 'step must be at least 1'),
        (WindowGrid(0, 64, 48), 4, 'crop must be at least 1'),
        (WindowGrid(128, 64, -4), 4, 'thresh must be at least 0'),
        (WindowGrid(128, 64, 48), 0, 'scale must be at least 1'),
    ],
)
def test_unusable_grids_are_refused(grid, scale, words):
    with pytest.raises(OptionError, match=words):
        check_grid(grid, scale)


def test_the_refusal_names_the_nearest_usable_values():
    with pytest.raises(OptionError, match='take crop 126 or 129'):
        check_grid(WindowGrid(128, 63, 48), 3)


def test_the_values_that_the_refusal_names_are_accepted():
    with pytest.raises(OptionError, match='take crop 125 or 130, step 60 or 65, thresh 45 or 50'):
        check_grid(WindowGrid(128, 64, 48), 5)
    for grid in (WindowGrid(125, 60, 45), WindowGrid(130, 65, 50)):
        check_grid(grid, 5)
    with pytest.raises(OptionError, match='take crop 128 or 192, step 64$'):
        check_grid(WindowGrid(130, 30, 0), 64)
