"""What the report's figures share: colours that colour-blind readers tell apart (Okabe and Ito), plain axes, PNGs."""

from __future__ import annotations

import io
from typing import Any, Dict, List

from bsr_plugins.common.errors import DependencyError
from bsr_plugins.common.shown import shown

#: One colour a method everywhere.
COLOURS: Dict[str, str] = {'bicubic': '#7f7f7f', 'baseline': '#0072b2', 'bspa': '#d55e00'}
LABELS: Dict[str, str] = {'bicubic': 'bicubic', 'baseline': 'plain L1', 'bspa': 'BSPA'}
DPI = 110
FONT_SIZE = 9


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


def class_colours(count: int) -> List[Any]:
    """Return one colour a difficulty class, dark to light with difficulty."""
    import matplotlib

    return [matplotlib.colormaps['viridis'](k / max(1, count - 1)) for k in range(count)]
