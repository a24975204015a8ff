"""BSR, Fig. 8: one super-resolved image's difference from its original by the L2 norm and by the Lp norm."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

import numpy as np

from bsr_plugins.analysis.checkpoints_of_run import loss_options
from bsr_plugins.analysis.compared_runs import TestedRun
from bsr_plugins.analysis.error_maps import error_map
from bsr_plugins.analysis.figure_style import FONT_SIZE, WIDTH, drawn, new_figure, report_png
from bsr_plugins.analysis.report_figure import FigureTable


class NormMaps(NamedTuple):
    """Terms of the norms at each pixel, (H, W) each: e^2 and |e|^p, e the luma's error of images in [0, 1]."""

    l2: np.ndarray
    lp: np.ndarray


def norm_maps(image: np.ndarray, hr: np.ndarray, p: float) -> NormMaps:
    """Return what each pixel adds to the L2 norm and to the Lp norm.

    Args:
        image: Super-resolved image (H, W, 3), uint8, BGR.
        hr: Its original.
        p: Power of the Lp norm.
    """
    error = error_map(image, hr) / 255
    return NormMaps(error**2, error**p)


def power_of(runs: Sequence[TestedRun]) -> float:
    """Return p of the first run that trains with HybridLpLoss; the paper's 0.5 where none does."""
    from bsr_plugins.losses.loss_options import HYBRID_LP_LOSS

    found = [options for run in runs for options in [loss_options(run.options, 'HybridLpLoss')] if options]
    default = HYBRID_LP_LOSS.defaults.p
    return float(found[0].get('p', default)) if found else default


def share_of_hardest(values: np.ndarray, share: float = 0.1) -> float:
    """Return which part of the sum the largest ``share`` of the pixels holds; ``share`` itself where all are 0."""
    ordered = np.sort(values, axis=None)[::-1]
    total = float(ordered.sum())
    return float(ordered[: round(share * ordered.size)].sum()) / total if total else share


def norm_table(maps: Mapping[str, NormMaps], p: float) -> FigureTable:
    """Return the part of each norm that the hardest tenth of the pixels holds, and the share of pixels that show up."""
    rows: List[List[str]] = []
    for method, each in maps.items():
        shares = [f'{100 * share_of_hardest(values):.1f} %' for values in each]
        rows.append([method, *shares, *(f'{100 * visible_share(values):.1f} %' for values in each)])
    of = 'in the top 10 % of pixels'
    seen = 'pixels above a tenth of the largest'
    return FigureTable(['method', f'L2 {of}', f'L{p:g} {of}', f'L2: {seen}', f'L{p:g}: {seen}'], rows)


def visible_share(values: np.ndarray) -> float:
    """Return the share of pixels above a tenth of the largest: what a map scaled to its maximum shows."""
    return float((values > 0.1 * values.max()).mean())


def draw_norms(images: Mapping[str, np.ndarray], maps: Mapping[str, NormMaps], hr: np.ndarray, p: float) -> bytes:
    """Draw the original, then each method's image and its two maps, each map scaled to its own largest value."""
    figure = new_figure(WIDTH, (WIDTH / 3 * hr.shape[0] / hr.shape[1] + 0.3) * (1 + len(maps)))
    grid = figure.subplots(1 + len(maps), 3, squeeze=False)
    _draw(grid[0, 0], hr[..., ::-1], 'original')
    for axes, (method, each) in zip(grid[1:], maps.items()):
        _draw(axes[0], images[method][..., ::-1], drawn(method))
        for below, values, name in zip(axes[1:], each, ('L2', f'Lp, p = {p:g}')):
            _draw(below, values / (values.max() or 1), name)
    for axes in grid.flat:
        axes.axis('off')
    return report_png(figure)


def norm_numbers(maps: Mapping[str, NormMaps], p: float) -> Dict[str, Any]:
    """Return the same for report.json."""
    return {
        'p': p,
        'share_of_hardest_tenth': {
            method: {'l2': share_of_hardest(each.l2), 'lp': share_of_hardest(each.lp)} for method, each in maps.items()
        },
    }


def _draw(axes: Any, values: np.ndarray, title: str) -> None:
    axes.imshow(values, cmap='inferno', vmin=0, vmax=1 if values.ndim == 2 else None)
    axes.set_title(title, fontsize=FONT_SIZE - 1)
