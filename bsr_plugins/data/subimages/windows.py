"""The overlapping windows that images are cut into (sub-images), as ClassSR (CVPR 2021) and BSPA's data do it."""

from __future__ import annotations

import math
from typing import List, NamedTuple, Tuple

from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.images.window_positions import positions


class WindowGrid(NamedTuple):
    """Square windows of ``crop`` HR pixels every ``step``; a tail longer than ``threshold`` gets one of its own."""

    crop: int
    step: int
    threshold: int


def default_grid(scale: int) -> WindowGrid:
    """Return the grid of the published data: 129/63/48 for x3 (divisible by 3), 128/64/48 for every other scale."""
    return WindowGrid(129, 63, 48) if scale == 3 else WindowGrid(128, 64, 48)


def check_grid(grid: WindowGrid, scale: int) -> None:
    """Raise OptionError unless the grid is usable and falls on whole LR pixels.

    Raises:
        OptionError: ``scale``, ``crop`` or ``step`` below 1, ``threshold`` below 0, or one of the three that ``scale``
            does not divide.
    """
    if scale < 1:
        raise OptionError('scale must be at least 1', where='scale', found=scale)
    for name, value, least in zip(('crop', 'step', 'thresh'), grid, (1, 1, 0)):
        if value < least:
            raise OptionError(f'{name} must be at least {least}', where=name, found=value)
    uneven = [(name, value) for name, value in zip(('crop', 'step', 'thresh'), grid) if value % scale]
    if uneven:
        shown = ', '.join(f'{name} {value}' for name, value in uneven)
        raise OptionError(
            f'{shown}: not divisible by the scale {scale}; HR windows would not fall on whole LR pixels',
            where=', '.join(name for name, _ in uneven),
            expected=f'multiples of {scale}',
            found=shown,
            remedy='take ' + ', '.join(f'{name} {_nearest_multiples(value, scale)}' for name, value in uneven),
        )


def _nearest_multiples(value: int, scale: int) -> str:
    below = value - value % scale
    return f'{below} or {below + scale}' if below else str(scale)


def modulus(grid: WindowGrid, scale: int) -> int:
    """Return m: images are cropped (top-left kept) to sides that are multiples of m before they are cut.

    m = lcm(gcd(crop, step, threshold, 12), scale): 4 for 128/64/48 (ClassSR's ``mod_scale``), 3 for 129/63/48. It is
    taken from the grid, so that x2 and x4 cut the same HR windows and share one HR LMDB.
    """
    common = 12
    for value in grid:
        common = math.gcd(common, value)
    return common * scale // math.gcd(common, scale)


def windows(height: int, width: int, grid: WindowGrid) -> List[Tuple[int, int]]:
    """Return (top, left) of every window of a ``height`` x ``width`` image, row by row."""
    lefts = positions(width, *grid)
    return [(top, left) for top in positions(height, *grid) for left in lefts]


def sub_image_name(image: str, number: int) -> str:
    """Return the key of window ``number`` (from 1, row by row) of ``image``: ``0001_s001``."""
    return f'{image}_s{number:03d}'
