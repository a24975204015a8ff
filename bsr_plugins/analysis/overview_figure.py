"""All figures of a report in one picture, to be sent or looked at without the page."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from bsr_plugins.analysis.report_figure import ReportFigure
from bsr_plugins.data.images.image_reading import decode_image

_COLUMNS = 3
_GAP = 24
_WHITE = 255


def overview(figures: Sequence[ReportFigure], columns: int = _COLUMNS) -> Optional[bytes]:
    """Return the pictures of ``figures`` side by side as one PNG file; None where there is no picture.

    Each goes, in its order, to the column that is shortest so far.
    """
    import cv2

    pictures = [decode_image(figure.png, figure.name) for figure in figures if figure.png is not None]
    if not pictures:
        return None
    return cv2.imencode('.png', tiled(pictures, min(columns, len(pictures))))[1].tobytes()


def tiled(pictures: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Return images (H, W, 3), uint8, in columns on white: each at the foot of the shortest column."""
    stacks: List[List[np.ndarray]] = [[] for _ in range(columns)]
    for picture in pictures:
        min(stacks, key=_height).append(picture)
    width = max(picture.shape[1] for picture in pictures)
    height = max(map(_height, stacks))
    sheet = np.full((height + _GAP, columns * (width + _GAP) + _GAP, 3), _WHITE, np.uint8)
    for number, stack in enumerate(stacks):
        top, left = _GAP, _GAP + number * (width + _GAP)
        for picture in stack:
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            top += picture.shape[0] + _GAP
    return sheet


def _height(stack: Sequence[np.ndarray]) -> int:
    return sum(picture.shape[0] + _GAP for picture in stack)
