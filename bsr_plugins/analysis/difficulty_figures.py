"""Figures of a difficulty file: the long tail with its class edges (BSPA, Fig. 1), easiest and hardest sub-images."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, List, Optional, Sequence, Set, Tuple

import numpy as np

from bsr_plugins.analysis.figure_style import drawn
from bsr_plugins.common.errors import DependencyError, OptionError
from bsr_plugins.common.files import PathLike, replacing
from bsr_plugins.data.difficulty.difficulty_file import DifficultyHeader
from bsr_plugins.data.sampling.long_tail import (
    ClassAssignment,
    class_counts,
    class_probabilities,
    difficulty_order,
    rank_into_classes,
)
from bsr_plugins.data.sampling.sampling_options import IMBALANCE_FACTOR, NUM_CLASSES
from bsr_plugins.data.subimages.lmdb_images import LmdbImages

_COLUMNS = 8
_ROWS = 2
_DPI = 120
_SMALLEST = 1e-7


def write_difficulty_figures(
    path: PathLike, keys: Sequence[str], mse: np.ndarray, hr_lmdb: PathLike, header: DifficultyHeader
) -> List[Path]:
    """Write ``<path>_histogram.png`` and ``<path>_contact_sheet.png`` beside the difficulty file ``path``.

    Args:
        path: The difficulty file.
        keys: Its keys.
        mse: Their MSE (N,).
        hr_lmdb: LMDB of the HR sub-images, for the contact sheet.
        header: Says in the titles what was scored how.

    Returns:
        The two files.

    Raises:
        DependencyError: matplotlib is not installed.
        DataError: An HR sub-image cannot be read.
    """
    path = Path(path)
    written = []
    for name, figure in (
        ('histogram', histogram(keys, mse, header)),
        ('contact_sheet', contact_sheet(keys, mse, hr_lmdb, header)),
    ):
        target = path.with_name(f'{path.stem}_{name}.png')
        with replacing(target) as temporary:
            figure.savefig(temporary, dpi=_DPI)
        written.append(target)
    return written


def histogram(keys: Sequence[str], mse: np.ndarray, header: DifficultyHeader) -> Any:
    """Return a matplotlib figure: counts over the MSE as in the paper's Fig. 1, and over its logarithm, by class.

    The classes are those of the default options; with too few sub-images for them the bars have
    one colour.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    figure = _new_figure(10, 8)
    classes = _classes(keys, mse)
    long_tail, logarithmic = figure.subplots(2, 1)
    floored = np.maximum(mse, _SMALLEST)
    _bars(long_tail, mse, np.linspace(0, max(float(mse.max()), _SMALLEST), 101), classes)
    long_tail.set_title(f'Difficulty of {len(keys):,} sub-images, x{header.scale}, scored by {drawn(header.scorer)}')
    long_tail.set_xlim(0, None)
    long_tail.set_xlabel('MSE (luma, images in [0, 1])')
    logarithmic.set_xscale('log')
    edges = np.geomspace(floored.min() * 0.8, floored.max() * 1.25, 81)
    _bars(logarithmic, floored, edges, classes)
    logarithmic.set_xlim(edges[0], edges[-1])
    floor_note = f' (below {_SMALLEST:g} drawn there)' if (mse < _SMALLEST).any() else ''
    logarithmic.set_xlabel(f'MSE, logarithmic{floor_note}')
    for axes in (long_tail, logarithmic):
        axes.set_ylabel('sub-images')
        axes.spines[['top', 'right']].set_visible(False)
    if classes is not None:
        _mark_edges(logarithmic, classes.thresholds[:-1])
        _table(long_tail, classes)
    figure.tight_layout()
    return figure


def contact_sheet(keys: Sequence[str], mse: np.ndarray, hr_lmdb: PathLike, header: DifficultyHeader) -> Any:
    """Return a matplotlib figure of the easiest and hardest HR sub-images, one of each image while there are any.

    Raises:
        DependencyError: matplotlib is not installed.
        DataError: A sub-image cannot be read.
    """
    order = difficulty_order(keys, mse)
    count = min(_COLUMNS * _ROWS, (len(keys) + 1) // 2)
    chosen = (
        ('Easiest', spread_over_images(keys, order, count)),
        ('Hardest', spread_over_images(keys, order[::-1], count)),
    )
    figure = _new_figure(1.5 * _COLUMNS, 2 * (1.85 * _ROWS + 0.5))
    with closing(LmdbImages(hr_lmdb)) as images:
        for part, (title, indices) in zip(figure.subfigures(2, 1), chosen):
            part.suptitle(
                f'{title} of each image, x{header.scale}, scored by {drawn(header.scorer)}', y=0.985, fontsize=12
            )
            grid = part.subplots(_ROWS, _COLUMNS)
            part.subplots_adjust(left=0.01, right=0.99, top=0.85, bottom=0.02, wspace=0.06, hspace=0.34)
            for axes in grid.flat:
                axes.axis('off')
            for axes, index in zip(grid.flat, indices):
                axes.imshow(images.rgb(keys[index]))
                axes.set_title(f'{drawn(_short(keys[index]))}\n{mse[index]:.2e}', fontsize=8, pad=3)
    return figure


def spread_over_images(keys: Sequence[str], order: np.ndarray, count: int) -> List[int]:
    """Return the first ``count`` of ``order``, the first of each image before the second of any.

    Neighbouring windows overlap by half: the hardest ones as they are ranked would be one place of one image.
    """
    seen: Set[str] = set()
    first: List[int] = []
    rest: List[int] = []
    for index in order.tolist():
        image = keys[index].rpartition('_s')[0]
        (rest if image in seen else first).append(index)
        seen.add(image)
        if len(first) == count:
            break
    return (first + rest)[:count]


def _classes(keys: Sequence[str], mse: np.ndarray) -> Optional[ClassAssignment]:
    try:
        counts = class_counts(len(keys), NUM_CLASSES.default, IMBALANCE_FACTOR.default)
    except OptionError:
        return None
    return rank_into_classes(keys, mse, counts)


def _bars(axes: Any, mse: np.ndarray, edges: np.ndarray, classes: Optional[ClassAssignment]) -> None:
    if classes is None:
        axes.hist(mse, edges, color='#4c72b0')
        return
    parts = [mse[classes.class_index == k] for k in range(NUM_CLASSES.default)]
    axes.hist(parts, edges, stacked=True, color=_colours(), label=[f'{k}' for k in range(NUM_CLASSES.default)])


def _mark_edges(axes: Any, thresholds: np.ndarray) -> None:
    for number, threshold in enumerate(np.maximum(thresholds, _SMALLEST)):
        axes.axvline(threshold, color='0.35', linewidth=0.7, linestyle='--')
        axes.annotate(
            f'$t_{number}$',
            (threshold, 1),
            (0, 2 + 10 * (number % 3)),
            ha='center',
            fontsize=10,
            xycoords=axes.get_xaxis_transform(),
            textcoords='offset points',
            color='0.2',
        )


def _table(axes: Any, classes: ClassAssignment) -> None:
    """A legend that is a table: class, sub-images, threshold, probability under inverse sampling."""
    from matplotlib.patches import Patch

    counts = np.bincount(classes.class_index, minlength=NUM_CLASSES.default)
    shares = class_probabilities(counts)
    labels = [
        f'{k}{count:>10,}{threshold:>12.2e}{share:>9.3f}'
        for k, (count, threshold, share) in enumerate(
            zip(counts.tolist(), classes.thresholds.tolist(), shares.tolist())
        )
    ]
    axes.legend(
        [Patch(color=colour) for colour in _colours()],
        labels,
        loc='upper right',
        frameon=False,
        prop={'family': 'monospace', 'size': 8},
        title_fontproperties={'family': 'monospace', 'size': 8},
        title=f'    class{"N_k":>6}{"MSE up to":>12}{"P_k":>9}',
    )


def _colours() -> List[Tuple[float, float, float, float]]:
    import matplotlib

    return [matplotlib.colormaps['viridis'](k / (NUM_CLASSES.default - 1)) for k in range(NUM_CLASSES.default)]


def _short(key: str, limit: int = 20) -> str:
    return key if len(key) <= limit else f'{key[: limit - 9]}…{key[-8:]}'


def _new_figure(width: float, height: float) -> Any:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError(
            'Figures need matplotlib', found=error, remedy="pip install 'bsr-plugins[figures]'"
        ) from error
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure
