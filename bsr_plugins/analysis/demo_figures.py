"""The report's figures: one for each section of the page, and the overview that says most of it at a glance."""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np

from bsr_plugins.analysis.comparison import Comparison
from bsr_plugins.analysis.crop_figures import draw_crops
from bsr_plugins.analysis.differing_crops import Crop, differing_crops
from bsr_plugins.analysis.figure_style import COLOURS, FONT_SIZE, LABELS, drawn, new_figure, png_bytes
from bsr_plugins.analysis.report_panels import (
    draw_class_gains,
    draw_frozen_share,
    draw_long_tail,
    draw_loss,
    draw_validation,
)

_WIDTH = 10.5


def draw_figures(comparison: Comparison) -> Dict[str, bytes]:
    """Return section -> PNG; a section that has nothing to show (no round, no difference) is left out."""
    figures = {'long_tail': _figure(3.4, _long_tail, comparison), 'curves': _curves(comparison)}
    if comparison.results['rounds']:
        layers = len(comparison.results['rounds'][0]['layers'])
        figures['frozen'] = _figure(1.1 + 0.3 * layers, _frozen, comparison)
    figures['classes'] = _figure(3.6, _classes, comparison)
    crops = _crops(comparison, 4)
    if crops:
        figure = new_figure(_WIDTH, 2.15 * len(crops))
        draw_crops(figure, crops, comparison.images, comparison.hr)
        figures['crops'] = png_bytes(figure)
    return figures


def draw_overview(comparison: Comparison) -> bytes:
    """Return one PNG with the results, all panels and two crops."""
    crops = _crops(comparison, 2)
    figure = new_figure(15, 10.2 + 2.5 * len(crops))
    parts = figure.subfigures(3 if crops else 2, 1, height_ratios=[0.75, 9, 2.5 * len(crops)][: 3 if crops else 2])
    _headline(parts[0], comparison.results)
    grid = parts[1].subplots(2, 2)
    _long_tail(grid[0, 0], comparison)
    _classes(grid[0, 1], comparison)
    draw_validation(grid[1, 0], comparison.logs, comparison.results['psnr_bicubic'])
    if comparison.results['rounds']:
        _frozen(grid[1, 1], comparison)
    else:
        draw_loss(grid[1, 1], comparison.logs)
    if crops:
        draw_crops(parts[2], crops, comparison.images, comparison.hr)
    return png_bytes(figure)


def _headline(figure: Any, results: Dict[str, Any]) -> None:
    names = drawn(', '.join(results['held_out_images']))
    figure.text(
        0.01,
        0.78,
        f'x{results["scale"]} super-resolution of held-out images ({names})',
        fontsize=FONT_SIZE + 4,
        fontweight='bold',
        va='center',
    )
    for number, (method, label) in enumerate(LABELS.items()):
        figure.text(
            0.01 + 0.17 * number,
            0.25,
            f'{label}  {results[f"psnr_{method}"]:.2f} dB',
            fontsize=FONT_SIZE + 6,
            color=COLOURS[method],
            fontweight='bold',
            va='center',
        )
    figure.text(
        0.53,
        0.25,
        'mean PSNR on Y; one seed and a small budget: an example, not a benchmark',
        fontsize=FONT_SIZE + 1,
        color='0.35',
        va='center',
    )


def _figure(height: float, draw: Any, comparison: Comparison) -> bytes:
    figure = new_figure(_WIDTH, height)
    draw(figure.subplots(), comparison)
    return png_bytes(figure)


def _curves(comparison: Comparison) -> bytes:
    figure = new_figure(_WIDTH, 3.6)
    loss, validation = figure.subplots(1, 2)
    draw_loss(loss, comparison.logs)
    draw_validation(validation, comparison.logs, comparison.results['psnr_bicubic'])
    return png_bytes(figure)


def _long_tail(axes: Any, comparison: Comparison) -> None:
    draw_long_tail(
        axes, comparison.training_mse, comparison.training_class, len(comparison.results['training_class_counts'])
    )


def _classes(axes: Any, comparison: Comparison) -> None:
    draw_class_gains(axes, comparison.results['per_class'], comparison.results['class_counts'])


def _frozen(axes: Any, comparison: Comparison) -> None:
    rounds = comparison.results['rounds']
    layers = list(rounds[0]['layers'])
    shares = np.array([[each['layers'][layer] for each in rounds] for layer in layers])
    titles = [
        f'round {each["number"]}\nafter update {each["iteration"]:,}\nall: {100 * each["frozen_share"]:.1f} %'
        for each in rounds
    ]
    draw_frozen_share(axes, [_short(layer) for layer in layers], shares, titles)


def _short(layer: str) -> str:
    name = layer[: -len('.weight')] if layer.endswith('.weight') else layer
    return name[len('base.') :] if name.startswith('base.') else name


def _crops(comparison: Comparison, count: int) -> List[Crop]:
    return differing_crops(
        comparison.images['baseline'],
        comparison.images['bspa'],
        comparison.hr,
        size=64,
        count=count,
        border=comparison.results['border'],
    )
