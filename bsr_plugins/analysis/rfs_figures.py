"""Figures of random filter sampling (BSR, Fig. 1): patches by their PIC before and after, and one balanced batch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, List, NamedTuple, Sequence

import numpy as np

from bsr_plugins.analysis.figure_style import DPI, FONT_SIZE, class_colours, new_figure, plain
from bsr_plugins.common.files import PathLike, replacing

_COLUMNS = 8
_MOST_PATCHES = 64


class DrawnPatch(NamedTuple):
    """One LR patch of a batch: ``image`` (h, w, 3) uint8 RGB, its PIC and its interval (0 = flattest)."""

    image: np.ndarray
    pic: float
    interval_index: int


class IntervalTable(NamedTuple):
    """What the draws were, interval by interval.

    ``edges`` (p + 1,); ``before``, ``after`` (p,) share of plain random crops and of the patches of balanced batches;
    ``asked`` and ``fallen_back`` (p,) how many patches the batches should have held, and how many of them another
    interval gave.
    """

    edges: np.ndarray
    before: np.ndarray
    after: np.ndarray
    asked: np.ndarray
    fallen_back: np.ndarray


def table_text(table: IntervalTable) -> str:
    """Return the table as lines of text."""
    lines = ['interval            PIC    before     after     asked  fallen back']
    for k in range(len(table.before)):
        span = f'{table.edges[k]:.0f} to {table.edges[k + 1]:.0f}'
        lines.append(
            f'{k:>8}{span:>15}{table.before[k]:>10.1%}{table.after[k]:>10.1%}{table.asked[k]:>10,}'
            f'{table.fallen_back[k]:>13,}'
        )
    return '\n'.join(lines)


def write_rfs_figures(prefix: PathLike, table: IntervalTable, batch: Sequence[DrawnPatch], title: str) -> List[Path]:
    """Write ``<prefix>_histogram.png`` and ``<prefix>_batch.png``, each all at once, and return the two files.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    prefix = Path(prefix)
    written = []
    for name, figure in (('histogram', histogram(table, title)), ('batch', contact_sheet(batch, table, title))):
        target = prefix.with_name(f'{prefix.name}_{name}.png')
        with replacing(target) as temporary:
            figure.savefig(temporary, dpi=DPI)
        written.append(target)
    return written


def histogram(table: IntervalTable, title: str) -> Any:
    """Return a matplotlib figure: the share of each interval in plain random crops and in balanced batches.

    A dashed line is the share that all have in a perfect balance.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    figure = new_figure(8.5, 6)
    figure.suptitle(title, fontsize=FONT_SIZE + 3)
    top, bottom = figure.subplots(2, 1, sharex=True, sharey=True)
    for axes, shares, name in ((top, table.before, 'Plain random crops'), (bottom, table.after, 'Balanced batches')):
        _bars(axes, shares, table.edges)
        plain(axes, name, y='share of the patches')
    plain(
        bottom,
        'Balanced batches',
        'patch information capacity (the last interval holds all above, too)',
        'share of the patches',
    )
    top.tick_params(labelbottom=True)
    return figure


def contact_sheet(batch: Sequence[DrawnPatch], table: IntervalTable, title: str) -> Any:
    """Return a matplotlib figure of the LR patches of one batch, flattest first; at most 64, spread over the batch.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    ordered = sorted(batch, key=lambda patch: (patch.interval_index, patch.pic))
    shown = [ordered[k] for k in np.linspace(0, len(ordered) - 1, min(len(ordered), _MOST_PATCHES)).round().astype(int)]
    rows = math.ceil(len(shown) / _COLUMNS)
    columns = min(_COLUMNS, len(shown))
    figure = new_figure(1.35 * max(columns, 4), 1.68 * rows + 0.45)
    shown_of = '' if len(shown) == len(batch) else f' ({len(shown)} shown)'
    figure.suptitle(f'One balanced batch of {len(batch)}{shown_of}, {title}', fontsize=FONT_SIZE + 2)
    colours = class_colours(len(table.before))
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis('off')
    for axes, patch in zip(figure.axes, shown):
        axes.axis('on')
        axes.set(xticks=[], yticks=[])
        axes.imshow(patch.image, interpolation='nearest')
        axes.set_xlabel(f'interval {patch.interval_index}\nPIC {patch.pic:,.0f}', fontsize=FONT_SIZE - 1, labelpad=3)
        for spine in axes.spines.values():
            spine.set(color=colours[patch.interval_index], linewidth=3)
    return figure


def _bars(axes: Any, shares: np.ndarray, edges: np.ndarray) -> None:
    width = float(edges[1])
    even = 1 / len(shares)
    axes.axhline(even, color='0.35', linewidth=0.9, linestyle='--', zorder=2)
    bars = axes.bar(
        edges[:-1],
        shares,
        width=width,
        align='edge',
        color=class_colours(len(shares)),
        edgecolor='white',
        linewidth=0.8,
    )
    axes.bar_label(
        bars,
        [f'{share:.1%}' if share else '0' for share in shares],
        fontsize=FONT_SIZE - 2,
        padding=2,
        zorder=4,
        bbox={'facecolor': 'white', 'edgecolor': 'none', 'pad': 0.6},
    )
    axes.annotate(
        f'{even:.2%} each',
        (1, even),
        (4, 0),
        xycoords=axes.get_yaxis_transform(),
        textcoords='offset points',
        va='center',
        fontsize=FONT_SIZE - 1,
        color='0.35',
        annotation_clip=False,
    )
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(0, max(axes.get_ylim()[1], 1.15 * max(float(shares.max()), even)))
    axes.yaxis.set_major_formatter(_percent())
    axes.set_xticks(edges[:: 2 if len(shares) > 10 else 1])
    axes.xaxis.set_major_formatter(_thousands())


def _percent() -> Any:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(xmax=1, decimals=0)


def _thousands() -> Any:
    from matplotlib.ticker import StrMethodFormatter

    return StrMethodFormatter('{x:,.0f}')
