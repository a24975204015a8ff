"""Crops in figures: where in the image, and what each method makes of them, pixel for pixel."""

from __future__ import annotations

from typing import Any

from bsr_plugins.analysis.differing_crops import Crop
from bsr_plugins.analysis.figure_style import FONT_SIZE, drawn


def draw_place(axes: Any, crop: Crop, image: Any) -> None:
    """Draw an image (H, W, 3), uint8, BGR with a box where the crop is."""
    from matplotlib.patches import Rectangle

    axes.imshow(image[..., ::-1])
    axes.add_patch(Rectangle((crop.left, crop.top), crop.size, crop.size, fill=False, edgecolor='black', linewidth=2.6))
    axes.add_patch(
        Rectangle((crop.left, crop.top), crop.size, crop.size, fill=False, edgecolor='#ffd800', linewidth=1.3)
    )
    axes.set_title(drawn(crop.name), fontsize=FONT_SIZE)
    axes.axis('off')


def draw_square(axes: Any, image: Any, title: str, colour: str, bold: bool) -> None:
    """Draw a crop (H, W, 3), uint8, BGR pixel for pixel."""
    # No smoothing: the pixels are what is compared.
    axes.imshow(image[..., ::-1], interpolation='nearest')
    axes.set_title(title, fontsize=FONT_SIZE, color=colour, fontweight='bold' if bold else 'normal')
    axes.axis('off')
