"""What the report's figures share: colours that colour-blind readers tell apart (Okabe and Ito), plain axes, PNGs."""

from __future__ import annotations

import io
from typing import Any, Dict, List, NamedTuple, Sequence

from bsr_plugins.common.errors import DependencyError
from bsr_plugins.common.shown import shown

GREY = '#7f7f7f'
DPI = 110
FONT_SIZE = 9
#: Figures of a report: as wide as a phone shows with its letters still readable, in inches and dots an inch.
WIDTH, REPORT_DPI = 4.8, 170
# Okabe and Ito's, less the yellow, which white swallows; then again with other lines and markers.
_METHOD_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000')
_LINES = ('-', '--', ':', '-.')
_MARKERS = ('o', 's', '^', 'D', 'v', 'P', 'X')


class MethodStyle(NamedTuple):
    """How a method is drawn in every figure of a report."""

    colour: str
    line: str
    marker: str


def method_styles(methods: Sequence[str]) -> Dict[str, MethodStyle]:
    """Return a style for each method, no two alike up to 28 of them."""
    return {
        method: MethodStyle(
            _METHOD_COLOURS[number % len(_METHOD_COLOURS)],
            _LINES[number // len(_METHOD_COLOURS) % len(_LINES)],
            _MARKERS[(number + number // len(_METHOD_COLOURS)) % len(_MARKERS)],
        )
        for number, method in enumerate(methods)
    }


def new_figure(width: float, height: float) -> Any:
    """Return a matplotlib figure (inches) without pyplot, which would look for a screen.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError(
            'Figures need matplotlib', found=error, remedy="pip install 'bsr-plugins[figures]'"
        ) from error
    figure = Figure(figsize=(width, height), layout='constrained', facecolor='white')
    FigureCanvasAgg(figure)
    return figure


def drawn(name: str) -> str:
    """Return a name as figures show it: as it is, where two $ would make a formula of what stands between them."""
    return shown(name).replace('$', r'\$')


def png_bytes(figure: Any, dpi: int = DPI) -> bytes:
    """Return the figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=dpi)
    return buffer.getvalue()


def plain(axes: Any, title: str, x: str = '', y: str = '') -> None:
    """Give axes a title to the left, labels, and no frame but two lines."""
    axes.set_title(title, loc='left', fontsize=FONT_SIZE + 1.5, fontweight='bold')
    axes.set_xlabel(x, fontsize=FONT_SIZE)
    axes.set_ylabel(y, fontsize=FONT_SIZE)
    axes.tick_params(which='both', labelsize=FONT_SIZE - 1)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)


def report_png(figure: Any) -> bytes:
    """Return a figure of a report as a PNG file."""
    return png_bytes(figure, REPORT_DPI)


def legend_below(figure: Any, axes: Any, columns: int = 3) -> None:
    """Put the legend of ``axes`` below all panels, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles,
            labels,
            loc='outside lower center',
            ncols=min(columns, len(handles)),
            fontsize=FONT_SIZE - 1,
            frameon=False,
        )


def class_colours(count: int) -> List[Any]:
    """Return one colour a difficulty class, dark to light with difficulty."""
    import matplotlib

    return [matplotlib.colormaps['viridis'](k / max(1, count - 1)) for k in range(count)]
