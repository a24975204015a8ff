"""Training curves of any methods: loss and validation PSNR, each as the mean over seeds with their range around it."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Optional, Tuple

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
from bsr_plugins.analysis.seed_bands import SeedBand, seed_band, stages
from bsr_plugins.analysis.training_log import Curve, TrainingLog

#: Method -> seed -> its log.
Logs = Mapping[str, Mapping[Optional[int], TrainingLog]]
_LOSS_WIDTH = 9
# Of val.per_class: ten panels more would hide the others.
_OF_CLASS = re.compile(r'psnr_class_\d+')
_SHADE = '0.92'


def loss_bands(logs: Logs) -> Dict[str, SeedBand]:
    """Return the training loss of each method: all its losses of ``l_*``, summed, and averaged over 9 log lines."""
    return {
        method: seed_band([_whole_loss(log) for log in seeds.values()], _LOSS_WIDTH) for method, seeds in logs.items()
    }


def validation_bands(logs: Logs) -> Dict[Tuple[str, str], Dict[str, SeedBand]]:
    """Return (validation set, metric) -> method -> its curve, of ``psnr...`` but those of single classes."""
    names = sorted({key for seeds in logs.values() for log in seeds.values() for key in log.metrics})
    return {
        key: {
            method: seed_band([log.metrics.get(key, {}) for log in seeds.values()])
            for method, seeds in logs.items()
            if any(key in log.metrics for log in seeds.values())
        }
        for key in names
        if key[1].lower().startswith('psnr') and not _OF_CLASS.fullmatch(key[1])
    }


def curve_table(bands: Mapping[Tuple[str, str], Mapping[str, SeedBand]]) -> FigureTable:
    """Return the first, best and last validation of each method, mean over the seeds."""
    rows: List[List[str]] = []
    for (dataset, metric), methods in bands.items():
        for method, band in methods.items():
            if band.iterations.size:
                best = int(band.mean.argmax())
                places = [(place, band.iterations[place], band.mean[place]) for place in (0, best, -1)]
                cells = [f'{value:.2f} at {iteration:,}' for _, iteration, value in places]
                rows.append([f'{dataset}, {metric}: {method}', *cells])
    return FigureTable(['validation', 'first', 'best', 'last'], rows)


def draw_curves(logs: Logs, bicubic: Optional[float], bicubic_of: str, styles: Mapping[str, MethodStyle]) -> bytes:
    """Draw the loss of every method and its PSNR on every validation set.

    Args:
        logs: The logs.
        bicubic: PSNR (Y) of bicubic upscaling on the set ``bicubic_of``; drawn where that was validated on.
        bicubic_of: Its name.
        styles: Method -> how it is drawn.
    """
    bands = validation_bands(logs)
    figure = new_figure(WIDTH, 2.5 * (1 + len(bands)) + 0.25 * (1 + len(styles) // 3))
    grid = figure.subplots(1 + len(bands), 1, squeeze=False)[:, 0]
    for method, band in loss_bands(logs).items():
        draw_band(grid[0], band, styles[method], method)
    plain(grid[0], 'Training loss, each method its own', 'iterations', 'loss (mean of 9 lines)')
    grid[0].set_yscale('log')
    for axes, ((dataset, metric), methods) in zip(grid[1:], bands.items()):
        if bicubic is not None and dataset == bicubic_of:
            axes.axhline(bicubic, color=GREY, linestyle=':', linewidth=1.2)
        for method, band in methods.items():
            draw_band(axes, band, styles[method], method)
        plain(axes, f'{drawn(dataset)} while training', 'iterations', f'{drawn(metric)} (dB)')
    for axes in grid:
        for start, end in _shared_stages(logs):
            axes.axvspan(start, end, color=_SHADE, zorder=0, linewidth=0)
    legend_below(figure, grid[0])
    return report_png(figure)


def draw_band(axes: Any, band: SeedBand, style: MethodStyle, method: str) -> None:
    """Draw a method's mean as a line, and the range over its seeds around it where there are several."""
    axes.plot(band.iterations, band.mean, color=style.colour, linestyle=style.line, linewidth=1.3, label=drawn(method))
    if not np.array_equal(band.low, band.high):
        axes.fill_between(band.iterations, band.low, band.high, color=style.colour, alpha=0.2, linewidth=0)


def _whole_loss(log: TrainingLog) -> Curve:
    """Return the sum of all losses; BasicSR logs each as ``l_<name>``."""
    losses = [curve for name, curve in sorted(log.values.items()) if name.startswith('l_')]
    shared = set.intersection(*map(set, losses)) if losses else set()
    return {iteration: sum(curve[iteration] for curve in losses) for iteration in sorted(shared)}


def _shared_stages(logs: Logs) -> List[Tuple[int, int]]:
    """Return the inverse stages, where all methods that have some share them."""
    spans = [log.spans('inverse_stage') for seeds in logs.values() for log in seeds.values()]
    return stages([each for each in spans if each])
