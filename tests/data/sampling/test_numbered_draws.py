"""The numbers that draws have."""

from __future__ import annotations

import numpy as np
import pytest

from bsr_plugins.data.sampling.numbered_draws import draw_number


def test_whole_numbers_from_0_on() -> None:
    assert draw_number(0) == 0 and type(draw_number(np.int64(7))) is int


def test_others_are_no_draws() -> None:
    with pytest.raises(IndexError, match='there is no draw -1'):
        draw_number(-1)
    with pytest.raises(TypeError):
        draw_number(1.0)  # type: ignore[arg-type]
