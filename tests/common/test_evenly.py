"""Numbers spread over a range."""

from __future__ import annotations

from bsr_plugins.common.evenly import evenly


def test_samples_are_spread() -> None:
    assert list(evenly(100, 4)) == [0, 25, 50, 75]
    assert list(evenly(100, None)) == list(range(100)) and list(evenly(3, 64)) == [0, 1, 2]
    assert list(evenly(0, 3)) == []
