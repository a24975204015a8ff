"""Rows of crops: where in the image, then what each method makes of it, pixel for pixel."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from bsr_plugins.analysis.differing_crops import Crop
from bsr_plugins.analysis.figure_style import COLOURS, FONT_SIZE, LABELS, drawn
from bsr_plugins.data.sampling.class_psnr import psnr_of, squared_error_y


def draw_crops(
    figure: Any, crops: Sequence[Crop], images: Mapping[str, Mapping[str, Any]], hr: Mapping[str, Any]
) -> None:
    """Draw one row per crop: the image with a box, the crop by each method with its PSNR there, the original.

    The best of ``baseline`` and ``bspa`` is set in bold.

    Args:
        figure: matplotlib figure or subfigure.
        crops: What to show.
        images: Method -> name -> super-resolved image (H, W, 3), uint8, BGR.
        hr: The originals.
    """
    if not crops:
        return
    methods = list(images)
    grid = figure.subplots(
        len(crops), len(methods) + 2, squeeze=False, gridspec_kw={'width_ratios': [1.45, *[1] * (len(methods) + 1)]}
    )
    for row, crop in zip(grid, crops):
        draw_place(row[0], crop, hr[crop.name])
        psnr = {
            method: psnr_of(squared_error_y(_cut(images[method][crop.name], crop), _cut(hr[crop.name], crop)))
            for method in methods
        }
        best = max((method for method in methods if method != 'bicubic'), key=lambda method: psnr[method] or 0)
        for axes, method in zip(row[1:], methods):
            draw_square(
                axes,
                _cut(images[method][crop.name], crop),
                f'{LABELS[method]} {psnr[method]:.2f} dB',
                COLOURS[method],
                method == best,
            )
        draw_square(row[-1], _cut(hr[crop.name], crop), 'original', 'black', False)


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


def _cut(image: Any, crop: Crop) -> Any:
    return image[crop.top : crop.top + crop.size, crop.left : crop.left + crop.size]
