"""Which share of each layer's weights BSPA's rounds froze."""

from __future__ import annotations

from typing import Any, Dict, Mapping

import numpy as np

from bsr_plugins.analysis.attribution_rounds import FrozenShares, short_layer
from bsr_plugins.analysis.figure_style import FONT_SIZE, WIDTH, drawn, new_figure, plain, report_png
from bsr_plugins.analysis.report_figure import FigureTable

_MOST_NAMES = 30
_LONGEST_NAME = 26


def frozen_table(frozen: Mapping[str, FrozenShares]) -> FigureTable:
    """Return the frozen share of all weights that are ranked, by method and round, and of its first and last layer."""
    rows = []
    for method, shares in frozen.items():
        for column, iteration in enumerate(shares.iterations):
            most = int(shares.shares[:, column].argmax()) if shares.layers else 0
            rows.append(
                [
                    f'{method}, round {column + 1}',
                    f'{iteration:,}',
                    f'{100 * shares.shares_of_all[column]:.2f} %',
                    *(
                        [f'{short_layer(shares.layers[most])} ({100 * shares.shares[most, column]:.1f} %)']
                        if shares.layers
                        else ['-']
                    ),
                ]
            )
    return FigureTable(['round', 'after iteration', 'frozen of all weights', 'most of a layer'], rows)


def frozen_numbers(frozen: Mapping[str, FrozenShares]) -> Dict[str, Any]:
    """Return all of it for report.json: method -> ``iterations``, ``all`` and ``layers``: layer -> share by round."""
    return {
        method: {
            'iterations': list(shares.iterations),
            'all': shares.shares_of_all.tolist(),
            'layers': {layer: row.tolist() for layer, row in zip(shares.layers, shares.shares)},
        }
        for method, shares in frozen.items()
    }


def draw_frozen(frozen: Mapping[str, FrozenShares]) -> bytes:
    """Draw one table of shades a method: layers from the input down, rounds from left to right."""
    heights = [min(0.6 + 0.2 * len(shares.layers), 7.5) + 0.7 for shares in frozen.values()]
    figure = new_figure(WIDTH, sum(heights))
    grid = figure.subplots(len(frozen), 1, squeeze=False, gridspec_kw={'height_ratios': heights})[:, 0]
    for axes, (method, shares) in zip(grid, frozen.items()):
        _draw(axes, method, shares)
    return report_png(figure)


def _draw(axes: Any, method: str, shares: FrozenShares) -> None:
    percent = 100 * shares.shares
    top = max(float(percent.max()) if percent.size else 0.0, 1e-9)
    axes.imshow(percent, aspect='auto', cmap='cividis', vmin=0, vmax=top, interpolation='nearest')
    if len(shares.layers) <= _MOST_NAMES:
        for (row, column), value in np.ndenumerate(percent):
            colour = 'white' if value < 0.6 * top else 'black'
            axes.text(column, row, f'{value:.0f}', ha='center', va='center', fontsize=FONT_SIZE - 2, color=colour)
    plain(axes, f'{drawn(method)}: frozen share of each layer (%)', 'round, after iteration, of all weights')
    titles = [
        f'{number}\n{iteration:,}\n{100 * share:.1f} %'
        for number, (iteration, share) in enumerate(zip(shares.iterations, shares.shares_of_all), 1)
    ]
    axes.set_xticks(range(len(titles)), titles, fontsize=FONT_SIZE - 2)
    named = range(0, len(shares.layers), -(-len(shares.layers) // _MOST_NAMES) or 1)
    axes.set_yticks(list(named), [_named(shares.layers[row]) for row in named], fontsize=FONT_SIZE - 2)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _named(layer: str) -> str:
    name = short_layer(layer)
    return drawn(name if len(name) <= _LONGEST_NAME else f'…{name[1 - _LONGEST_NAME :]}')
