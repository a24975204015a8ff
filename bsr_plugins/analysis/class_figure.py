"""BSPA, Fig. 3: PSNR by difficulty class and of the hardest tenth, on training and on held-out windows."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.analysis.figure_style import (
    FONT_SIZE,
    GREY,
    WIDTH,
    MethodStyle,
    drawn,
    legend_below,
    new_figure,
    plain,
    report_png,
)
from bsr_plugins.analysis.report_figure import FigureTable
from bsr_plugins.analysis.window_errors import ClassPsnr, Spread, gains_by_class, spread_over_seeds

_PANEL = 2.5
HARDEST = 'hardest 10 %'


def class_table(groups: Mapping[str, ClassPsnr], twins: Mapping[str, str]) -> FigureTable:
    """Return PSNR by class: a row for each method and set of windows, its gain over the twin in brackets.

    Args:
        groups: ``training`` and ``held-out`` -> PSNR by class.
        twins: Method -> its twin.
    """
    rows: List[List[str]] = []
    count = 0
    for name, psnr in groups.items():
        count = max(count, len(psnr.counts))
        rows.append([f'{name}: windows', *(f'{value:,}' for value in psnr.counts)])
        rows.append([f'{name}: bicubic', *(_decibel(value) for value in psnr.bicubic)])
        for method, seeds in psnr.methods.items():
            means = [spread_over_seeds([values[k] for values in seeds.values()]) for k in range(len(psnr.counts))]
            gains = gains_by_class(psnr, method, twins[method]) if method in twins else [None] * len(means)
            rows.append([f'{name}: {method}', *(_cell(mean, gain) for mean, gain in zip(means, gains))])
    return FigureTable(['windows', *(f'class {k}' for k in range(count - 1)), HARDEST], rows)


def class_numbers(groups: Mapping[str, ClassPsnr]) -> Dict[str, Any]:
    """Return the same for report.json, the hardest tenth last in each list."""
    return {
        name: {
            'windows': psnr.counts,
            'bicubic': psnr.bicubic,
            'methods': {
                method: {str(seed): values for seed, values in seeds.items()} for method, seeds in psnr.methods.items()
            },
        }
        for name, psnr in groups.items()
    }


def draw_classes(groups: Mapping[str, ClassPsnr], twins: Mapping[str, str], styles: Mapping[str, MethodStyle]) -> bytes:
    """Draw, for each set of windows, the gain of every method over bicubic and over its twin in every class."""
    panels: List[Tuple[str, str, ClassPsnr, Dict[str, Optional[str]]]] = []
    for name, psnr in groups.items():
        panels.append((f'{name} windows: gain over bicubic', 'dB', psnr, dict.fromkeys(psnr.methods)))
        against: Dict[str, Optional[str]] = {
            method: twins[method] for method in psnr.methods if twins.get(method) in psnr.methods
        }
        if against:
            panels.append((f'{name} windows: gain over the twin', 'dB', psnr, against))
    figure = new_figure(WIDTH, _PANEL * len(panels) + 0.25 * (1 + len(styles) // 3))
    grid = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axes, (title, unit, psnr, bases) in zip(grid, panels):
        for number, (method, twin) in enumerate(bases.items()):
            offset = 0.75 * ((number + 0.5) / len(bases) - 0.5)
            _draw_gains(axes, gains_by_class(psnr, method, twin), offset, styles[method], method)
        axes.axhline(0, color=GREY, linewidth=1, zorder=0)
        labels = [f'{k}\n{count:,}' for k, count in enumerate(psnr.counts[:-1])]
        axes.set_xticks(range(len(psnr.counts)), [*labels, f'10 %\n{psnr.counts[-1]:,}'])
        axes.axvline(len(psnr.counts) - 1.5, color='0.8', linewidth=0.8)
        plain(axes, title, 'class (0 easiest, then the hardest 10 %) and its windows', unit)
    legend_below(figure, grid[0])
    return report_png(figure)


def _draw_gains(axes: Any, gains: Sequence[Optional[Spread]], offset: float, style: MethodStyle, method: str) -> None:
    places = np.arange(len(gains)) + offset
    mean, low, high = (
        np.array([np.nan if gain is None else getattr(gain, name) for gain in gains]) for name in Spread._fields
    )
    axes.errorbar(
        places,
        mean,
        yerr=[mean - low, high - mean],
        color=style.colour,
        marker=style.marker,
        markersize=3.5,
        linewidth=0,
        elinewidth=1.2,
        label=drawn(method),
    )
    axes.tick_params(labelsize=FONT_SIZE - 2)


def _cell(mean: Optional[Spread], gain: Optional[Spread]) -> str:
    text = _decibel(None if mean is None else mean.mean)
    return text if gain is None else f'{text} ({gain.mean:+.3f})'


def _decibel(value: Optional[float]) -> str:
    return '-' if value is None else f'{value:.2f}'
