"""Some of many, evenly."""

from __future__ import annotations

from typing import Iterator, Optional


def evenly(length: int, count: Optional[int]) -> Iterator[int]:
    """Yield up to ``count`` numbers below ``length``, evenly; all of them where it is None."""
    step = 1 if count is None else max(1, length / count)
    index = 0.0
    while int(index) < length:
        yield int(index)
        index += step
