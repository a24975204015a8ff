"""BSPA, Fig. 1: the training windows by their difficulty, many easy ones and few hard ones."""

from __future__ import annotations

import numpy as np

from bsr_plugins.analysis.figure_style import FONT_SIZE, WIDTH, class_colours, new_figure, plain, report_png
from bsr_plugins.analysis.report_figure import FigureTable
from bsr_plugins.analysis.training_windows import TrainingWindows
from bsr_plugins.data.sampling.long_tail import class_probabilities

_SMALLEST = 1e-7


def long_tail_table(training: TrainingWindows) -> FigureTable:
    """Return the classes: their windows, their largest error t_k (Eq. 3), and P_k of inverse sampling (Eq. 4)."""
    counts = np.bincount(training.class_index, minlength=training.num_classes)
    rows = [
        [f'{k}', f'{count:,}', f'{threshold:.3e}', f'{share:.4f}']
        for k, (count, threshold, share) in enumerate(zip(counts, training.thresholds, class_probabilities(counts)))
    ]
    return FigureTable(['class', 'windows', 'MSE up to', 'drawn by inverse sampling'], rows)


def draw_long_tail(training: TrainingWindows) -> bytes:
    """Draw the histogram of the training windows' difficulty, the bars coloured by class."""
    # The few hardest windows would squeeze all others into the first bars.
    limit = max(float(np.quantile(training.difficulty, 0.99)), _SMALLEST)
    shown = np.minimum(training.difficulty, limit)
    parts = [shown[training.class_index == k] for k in range(training.num_classes)]
    figure = new_figure(WIDTH, 2.6)
    axes = figure.subplots()
    colours = class_colours(training.num_classes)
    axes.hist(parts, np.linspace(0, limit, 41), stacked=True, color=colours, label=[f'{k}' for k in range(len(parts))])
    plain(axes, f'{len(shown):,} training windows', 'MSE of bicubic upscaling (the last bar: and above)', 'windows')
    axes.ticklabel_format(axis='x', scilimits=(-3, 3))
    axes.legend(title='class', frameon=False, fontsize=FONT_SIZE - 2, title_fontsize=FONT_SIZE - 2, ncols=2)
    return report_png(figure)
