"""The panels of the report: long tail with classes, curves, frozen share by layer, PSNR by class."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.analysis.figure_style import COLOURS, FONT_SIZE, LABELS, class_colours, drawn, plain
from bsr_plugins.analysis.seed_bands import running_mean
from bsr_plugins.analysis.training_log import TrainingLog

_SMALLEST = 1e-7
_SHADE = '0.9'


def draw_long_tail(axes: Any, mse: np.ndarray, class_index: np.ndarray, num_classes: int) -> None:
    """Draw the histogram of the training windows' difficulty, the bars coloured by class (BSPA, Fig. 1).

    Args:
        axes: matplotlib axes.
        mse: (N,) difficulty of the training windows.
        class_index: (N,) their classes.
        num_classes: K.
    """
    # The few hardest windows would squeeze all others into the first bars.
    limit = max(float(np.quantile(mse, 0.99)), _SMALLEST)
    shown = np.minimum(mse, limit)
    parts = [shown[class_index == k] for k in range(num_classes)]
    axes.hist(parts, np.linspace(0, limit, 61), stacked=True, color=class_colours(num_classes))
    plain(
        axes,
        f'The long tail: {len(mse):,} training windows by difficulty',
        'MSE of bicubic upscaling (luma, images in [0, 1]; the last bar holds all that is harder)',
        'windows',
    )
    _class_legend(axes, np.bincount(class_index, minlength=num_classes))


def draw_loss(axes: Any, runs: Mapping[str, TrainingLog]) -> None:
    """Draw the training loss of each run (thin: as logged, thick: running mean), inverse stages shaded.

    The mean stays within a stage: batches of the two kinds are not comparable.
    """
    for method, log in runs.items():
        iterations, loss = _series(log.values.get('l_pix', {}))
        axes.plot(iterations, loss, color=COLOURS[method], alpha=0.25, linewidth=0.8)
        inverse = np.array([log.values.get('inverse_stage', {}).get(iteration, 0.0) for iteration in iterations])
        stages = np.split(loss, np.flatnonzero(np.diff(inverse)) + 1)
        axes.plot(
            iterations,
            np.concatenate([running_mean(stage) for stage in stages]),
            color=COLOURS[method],
            linewidth=1.8,
            label=LABELS[method],
        )
    plain(axes, 'Training loss (L1)', 'gradient updates', 'L1')
    _shade_inverse(axes, runs)
    axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
    _legend_over_shade(axes, 'upper right', columns=3)


def draw_validation(axes: Any, runs: Mapping[str, TrainingLog], bicubic: float, metric: str = 'psnr') -> None:
    """Draw the PSNR of the held-out images over the training, with bicubic upscaling as a line."""
    axes.axhline(bicubic, color=COLOURS['bicubic'], linestyle='--', linewidth=1.2, label=LABELS['bicubic'])
    for method, log in runs.items():
        for (_, name), curve in sorted(log.metrics.items()):
            if name == metric:
                iterations, values = _series(curve)
                axes.plot(
                    iterations,
                    values,
                    color=COLOURS[method],
                    marker='o',
                    markersize=3,
                    linewidth=1.5,
                    label=LABELS[method],
                )
                break
    plain(axes, 'Held-out images while training', 'gradient updates', 'PSNR (dB, Y)')
    _shade_inverse(axes, runs)
    _legend_over_shade(axes, 'center right')


def draw_frozen_share(axes: Any, layers: Sequence[str], shares: np.ndarray, titles: Sequence[str]) -> None:
    """Draw which share of each layer's weights every round froze, as a table of shaded numbers.

    Args:
        axes: matplotlib axes.
        layers: Names, the input side first.
        shares: (layers, rounds) in [0, 1].
        titles: One a round.
    """
    percent = 100 * np.asarray(shares, dtype=np.float64).reshape(len(layers), len(titles))
    top = max(float(percent.max()) if percent.size else 0.0, 1e-9)
    axes.imshow(percent, aspect='auto', cmap='cividis', vmin=0, vmax=top)
    for (row, column), value in np.ndenumerate(percent):
        axes.text(
            column,
            row,
            f'{value:.1f} %',
            ha='center',
            va='center',
            fontsize=FONT_SIZE - 1,
            color='white' if value < 0.6 * top else 'black',
        )
    plain(axes, "Frozen share of each layer's weights")
    axes.set_xticks(range(len(titles)), titles)
    axes.set_yticks(range(len(layers)), [drawn(layer) for layer in layers])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_class_gains(axes: Any, per_class: Mapping[str, Sequence[Optional[float]]], counts: Sequence[int]) -> None:
    """Draw by how much each method is above bicubic in every difficulty class; classes span 20 dB, gains less than 2.

    Args:
        axes: matplotlib axes.
        per_class: Method -> PSNR of each class, None where it has no window; ``bicubic`` must be among them.
        counts: Held-out windows of each class.
    """
    base = per_class['bicubic']
    methods = [method for method in per_class if method != 'bicubic']
    width = 0.8 / max(1, len(methods))
    for number, method in enumerate(methods):
        gains = [_gain(value, reference) for value, reference in zip(per_class[method], base)]
        places = np.arange(len(base)) - 0.4 + width * (number + 0.5)
        axes.bar(places, gains, width * 0.92, color=COLOURS[method], label=LABELS[method])
    if len(methods) == 2:
        _label_differences(axes, per_class[methods[0]], per_class[methods[1]], base)
    axes.axhline(0, color=COLOURS['bicubic'], linewidth=1)
    labels = [f'{k}\n{_decibel(value)}\n{count}' for k, (value, count) in enumerate(zip(base, counts))]
    axes.set_xticks(range(len(base)), labels)
    axes.set_xlim(-0.7, len(base) - 0.3)
    plain(
        axes,
        'PSNR by difficulty class: gain over bicubic',
        'class (0 easiest) / PSNR of bicubic in dB / held-out windows; over the bars: BSPA less plain L1',
        'gain (dB, Y)',
    )
    axes.legend(frameon=False, fontsize=FONT_SIZE - 1)


def _label_differences(
    axes: Any, first: Sequence[Optional[float]], second: Sequence[Optional[float]], base: Sequence[Optional[float]]
) -> None:
    """Write over each pair of bars by how much the second is ahead: too little to be seen in their heights."""
    for place, (one, other, reference) in enumerate(zip(first, second, base)):
        difference, top = _gain(other, one), max(_gain(one, reference), _gain(other, reference), 0)
        if np.isfinite([difference, top]).all():
            text = f'{difference:+.2f}'
            axes.annotate(
                '0' if float(text) == 0 else text,
                (place, top),
                (0, 3),
                textcoords='offset points',
                ha='center',
                fontsize=FONT_SIZE - 1,
                color='0.25',
            )
    axes.margins(y=0.12)


def _series(curve: Mapping[int, float]) -> Tuple[np.ndarray, np.ndarray]:
    pairs = sorted(curve.items())
    return np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs], dtype=np.float64)


def _shade_inverse(axes: Any, runs: Mapping[str, TrainingLog]) -> None:
    label: Optional[str] = 'BSPA: inverse stage'
    for log in runs.values():
        for start, end in log.spans('inverse_stage'):
            axes.axvspan(start, end, color=_SHADE, zorder=0, linewidth=0, label=label)
            label = None


def _legend_over_shade(axes: Any, place: str, columns: int = 1) -> None:
    axes.legend(loc=place, ncols=columns, fontsize=FONT_SIZE - 1, facecolor='white', framealpha=1, edgecolor='0.8')


def _class_legend(axes: Any, counts: np.ndarray) -> None:
    from matplotlib.patches import Patch

    handles: List[Any] = [Patch(color=colour) for colour in class_colours(len(counts))]
    names = [f'{k}: {count:,}' for k, count in enumerate(counts.tolist())]
    axes.legend(
        handles,
        names,
        title='class: windows',
        frameon=False,
        fontsize=FONT_SIZE - 1,
        title_fontsize=FONT_SIZE - 1,
        ncols=2,
    )


def _gain(value: Optional[float], reference: Optional[float]) -> float:
    if value is None or reference is None or not np.isfinite([value, reference]).all():
        return float('nan')
    return value - reference


def _decibel(value: Optional[float]) -> str:
    return '-' if value is None else f'{value:.1f}'
