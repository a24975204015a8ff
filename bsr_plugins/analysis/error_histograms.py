"""BSPA, Fig. 5: how the errors of windows are distributed under each method, one over the other."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

import numpy as np

from bsr_plugins.analysis.figure_style import (
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
from bsr_plugins.analysis.window_errors import WindowErrors

_SMALLEST = 1e-7
_BINS = 40
_QUANTILES = {'median': 0.5, '90 %': 0.9, '99 %': 0.99}


class Histograms(NamedTuple):
    """``edges`` (B + 1,) of MSE; ``shares``: name -> (B,) share of the windows, ``bicubic`` among the names."""

    edges: np.ndarray
    shares: Dict[str, np.ndarray]


def error_histograms(windows: WindowErrors, bins: int = _BINS) -> Histograms:
    """Return the share of windows in each interval of MSE (equal steps of its logarithm), averaged over the seeds."""
    errors = _by_method(windows)
    every = np.maximum(np.concatenate([mse for group in errors.values() for mse in group]), _SMALLEST)
    edges = np.geomspace(every.min(), max(every.max(), 1.01 * every.min()), bins + 1)
    # The logarithm's rounding must not lose the largest.
    edges[0], edges[-1] = every.min(), max(every.max(), edges[-1])
    shares = {
        name: np.mean([np.histogram(np.maximum(mse, _SMALLEST), edges, weights=windows.weights)[0] for mse in group], 0)
        / windows.weights.sum()
        for name, group in errors.items()
    }
    return Histograms(edges, shares)


def tail_shares(histograms: Histograms) -> Dict[str, np.ndarray]:
    """Return the share of windows at or above each edge but the last: (B,), from 1 down."""
    return {name: np.cumsum(share[::-1])[::-1] for name, share in histograms.shares.items()}


def weighted_quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """Return the smallest value below or at which ``share`` of the weight lies."""
    order = np.argsort(values, kind='stable')
    reached = np.cumsum(weights[order])
    return float(values[order][min(np.searchsorted(reached, share * reached[-1]), values.size - 1)])


def error_table(groups: Mapping[str, WindowErrors]) -> FigureTable:
    """Return quantiles of the windows' MSE by method, mean over the seeds, in units of 1e-4."""
    rows: List[List[str]] = []
    for name, windows in groups.items():
        for method, group in _by_method(windows).items():
            values = [
                np.mean([weighted_quantile(mse, windows.weights, share) for mse in group])
                for share in _QUANTILES.values()
            ]
            largest = np.mean([mse.max() for mse in group])
            rows.append([f'{name}: {method}', *(f'{1e4 * value:.3f}' for value in (*values, largest))])
    return FigureTable(['MSE of windows (1e-4)', *_QUANTILES, 'largest'], rows)


def draw_histograms(groups: Mapping[str, WindowErrors], styles: Mapping[str, MethodStyle]) -> bytes:
    """Draw, for each set of windows, the histogram of their MSE by method and the share of windows above each MSE."""
    figure = new_figure(WIDTH, 4.6 * len(groups) + 0.25 * (1 + len(styles) // 3))
    grid = figure.subplots(2 * len(groups), 1, squeeze=False)[:, 0]
    for number, (name, windows) in enumerate(groups.items()):
        histograms = error_histograms(windows)
        upper, lower = grid[2 * number : 2 * number + 2]
        _draw_steps(upper, histograms.edges, histograms.shares, styles)
        plain(upper, f'{name} windows by their error', 'MSE (luma, images in [0, 1])', 'share of windows')
        _draw_steps(lower, histograms.edges, tail_shares(histograms), styles)
        lower.set_yscale('log')
        plain(lower, f'{name} windows: how long the tail is', 'MSE', 'share with a larger one')
    legend_below(figure, grid[0])
    return report_png(figure)


def _draw_steps(
    axes: Any, edges: np.ndarray, shares: Mapping[str, np.ndarray], styles: Mapping[str, MethodStyle]
) -> None:
    for name, share in shares.items():
        style = styles.get(name)
        axes.stairs(
            np.where(share > 0, share, np.nan),
            edges,
            color=style.colour if style else GREY,
            linestyle=style.line if style else ':',
            linewidth=1.3,
            label=drawn(name),
            baseline=None,
        )
    axes.set_xscale('log')


def _by_method(windows: WindowErrors) -> Dict[str, Sequence[np.ndarray]]:
    return {'bicubic': [windows.bicubic], **{name: list(seeds.values()) for name, seeds in windows.errors.items()}}
