"""The picture of attributions: image and window, SR, map, map over the image, a row a network (FPL, Fig. 6)."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Sequence

import numpy as np

from bsr_plugins.analysis.figure_style import FONT_SIZE, drawn, new_figure, png_bytes
from bsr_plugins.analysis.local_attribution import NetworkAttribution
from bsr_plugins.attribution.gradient_detector import Window

_COLUMN, _DPI = 2.4, 150
_WINDOW_COLOUR, _REGION_COLOUR = '#00b4ff', '#ffd500'
#: Share of the map's colours over the image; that of LAM's authors.
_BLEND = 0.5
# The region that is shown large: where a map is above this, and as many LR pixels around it.
_SEEN, _MARGIN = 0.01, 4


class Region(NamedTuple):
    """A rectangle of the LR image: its first column and row, and those behind its last ones."""

    left: int
    top: int
    right: int
    bottom: int


def draw_attributions(
    found: Sequence[NetworkAttribution], lq: np.ndarray, window: Optional[Window], name: str
) -> bytes:
    """Return the picture as a PNG file: the whole LR image, then SR image and maps where the maps are not empty.

    Args:
        found: One row each.
        lq: uint8 BGR (h, w, 3).
        window: What was attributed, in SR pixels; None: the whole SR image.
        name: ``LAM`` or ``CAM``.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    height, width = lq.shape[:2]
    scale = found[0].network.scale
    region = seen_region(np.max([each.map for each in found], axis=0))
    figure = new_figure(4 * _COLUMN, len(found) * (_COLUMN * height / width + 0.1) + 0.3)
    grid = figure.subplots(len(found), 4, squeeze=False)
    for axes, each in zip(grid, found):
        index = 'no attribution' if each.diffusion_index is None else f'DI {each.diffusion_index:.2f}'
        coloured = _coloured(each.map)
        over = (1 - _BLEND) * lq[..., ::-1] / 255 + _BLEND * coloured
        _panel(axes[0], lq[..., ::-1], window, scale)
        if region != Region(0, 0, width, height):
            _rectangle(axes[0], region.left, region.top, region.right, region.bottom, _REGION_COLOUR, '--')
        _panel(axes[1], each.sr[..., ::-1], window, 1, Region(*(scale * side for side in region)))
        _panel(axes[2], coloured, window, scale, region)
        _panel(axes[3], over, window, scale, region)
        axes[0].set_ylabel(f'{drawn(each.name)}\n{index}', fontsize=FONT_SIZE)
    for axes, title in zip(grid[0], ('LR image', 'SR image', name, f'{name} over the LR image')):
        axes.set_title(title, fontsize=FONT_SIZE)
    return png_bytes(figure, _DPI)


def seen_region(values: np.ndarray) -> Region:
    """Return where a map (h, w) is not empty, with a margin, in the proportions of the image; all of it where much is.

    Args:
        values: The map, in [0, 1].
    """
    height, width = values.shape
    rows, columns = (np.flatnonzero((values > _SEEN).any(axis)) for axis in (1, 0))
    if not len(rows):
        return Region(0, 0, width, height)
    share = max((np.ptp(rows) + 1 + 2 * _MARGIN) / height, (np.ptp(columns) + 1 + 2 * _MARGIN) / width)
    if share > 0.7:
        return Region(0, 0, width, height)
    tall, wide = int(np.ceil(share * height)), int(np.ceil(share * width))
    top = int(np.clip((rows[0] + rows[-1] + 1 - tall) // 2, 0, height - tall))
    left = int(np.clip((columns[0] + columns[-1] + 1 - wide) // 2, 0, width - wide))
    return Region(left, top, left + wide, top + tall)


def _panel(axes: Any, image: np.ndarray, window: Optional[Window], scale: int, region: Optional[Region] = None) -> None:
    axes.imshow(image, interpolation='nearest')
    axes.set_xticks([])
    axes.set_yticks([])
    if window is not None:
        x, y, size = (value / scale for value in window)
        _rectangle(axes, x, y, x + size, y + size, _WINDOW_COLOUR)
    if region is not None:
        axes.set_xlim(region.left - 0.5, region.right - 0.5)
        axes.set_ylim(region.bottom - 0.5, region.top - 0.5)


def _rectangle(axes: Any, left: float, top: float, right: float, bottom: float, colour: str, line: str = '-') -> None:
    from matplotlib.patches import Rectangle

    place, sides = (left - 0.5, top - 0.5), (right - left, bottom - top)
    axes.add_patch(Rectangle(place, *sides, fill=False, edgecolor=colour, linestyle=line, linewidth=1.3))


def _coloured(values: np.ndarray) -> np.ndarray:
    """Return a map as LAM's authors colour it: white where it is 0, then red, then dark red."""
    import matplotlib

    return matplotlib.colormaps['seismic'](0.5 + values / 2)[..., :3]
