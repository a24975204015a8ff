"""Crops put together from windows: every position of a side, for overlapping, adjoining and gaping windows."""

from __future__ import annotations

import numpy as np
import pytest

from bsr_plugins.data.sampling.window_crops import Piece, covered, pieces, position_count
from bsr_plugins.data.subimages.windows import positions


@pytest.mark.parametrize('length', [32, 40, 56, 60, 97])
@pytest.mark.parametrize('side, step, threshold', [(32, 16, 12), (32, 16, 0), (32, 32, 0), (32, 28, 4), (16, 8, 0)])
@pytest.mark.parametrize('crop', [4, 12, 16, 24, 32])
def test_pieces_of_every_position_are_the_crop(length: int, side: int, step: int, threshold: int, crop: int) -> None:
    starts = positions(length, side, step, threshold)
    end = covered(starts, side)
    assert end == starts[-1] + side >= length - threshold
    pixels = np.arange(length)
    windows = [pixels[start : start + side] for start in starts]
    for start in range(end - crop + 1):
        parts = pieces(start, crop, starts, side)
        found = np.concatenate([windows[each.window][each.offset : each.offset + each.length] for each in parts])
        assert np.array_equal(found, pixels[start : start + crop])
        # Several windows are read only where no single one holds the crop.
        assert (len(parts) == 1) == any(first <= start and start + crop <= first + side for first in starts)


def test_a_gap_ends_what_is_covered() -> None:
    assert covered([0, 16, 40], 16) == 32
    assert covered([], 16) == 0
    assert pieces(8, 24, [0, 16], 16) == [Piece(0, 8, 8), Piece(1, 0, 16)]


def test_positions_on_whole_lr_pixels() -> None:
    assert [position_count(length, 12, 4) for length in (8, 12, 15, 16, 96)] == [0, 1, 1, 2, 22]
