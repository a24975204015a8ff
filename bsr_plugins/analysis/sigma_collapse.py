"""l_E, Fig. 2: how the sigma that a branch predicts falls towards zero while it trains, and how it is distributed."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.analysis.checkpoints_of_run import as_tensor, checkpoints, spread
from bsr_plugins.analysis.compared_runs import TestedRun
from bsr_plugins.analysis.curve_figure import Logs, draw_band
from bsr_plugins.analysis.figure_style import (
    FONT_SIZE,
    WIDTH,
    MethodStyle,
    drawn,
    legend_below,
    new_figure,
    plain,
    report_png,
)
from bsr_plugins.analysis.report_figure import FigureTable
from bsr_plugins.analysis.seed_bands import SeedBand, seed_band
from bsr_plugins.analysis.trained_network import built_network
from bsr_plugins.common.naming import plain_name
from bsr_plugins.models.sigma_statistics import GREY_LEVEL, MEAN, NEAR_ZERO

_CHECKPOINTS = 6
_SIDE = 96
#: Edges of the distribution: sigma in units of an image in [0, 1], a step a factor of about 1.6.
EDGES = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 21)])


class SigmaMoment(NamedTuple):
    """Sigma at one checkpoint, over the pixels of some images: mean, share below a grey level, share by interval."""

    mean: float
    near_zero: float
    shares: np.ndarray


def has_sigma(run: TestedRun) -> bool:
    """Tell whether a run trains a sigma branch."""
    network = run.options.get('network_sigma')
    return isinstance(network, Mapping) and plain_name(network.get('type')) == 'SigmaBranch'


def sigma_moment(values: np.ndarray) -> SigmaMoment:
    """Return the statistics of sigma: its mean, the share below 1/255, the share in each interval of ``EDGES``."""
    shares = np.histogram(np.clip(values, EDGES[0], EDGES[-1]), EDGES)[0] / values.size
    return SigmaMoment(float(values.mean()), float((values < GREY_LEVEL).mean()), shares)


def sigma_over_training(run: TestedRun, lrs: Sequence[np.ndarray], device: str) -> Dict[int, SigmaMoment]:
    """Return iteration -> sigma at up to six of a run's checkpoints, over the middles of LR images.

    Args:
        run: A run with a sigma branch.
        lrs: LR images (h, w, 3), uint8, BGR; 96 x 96 pixels of the middle of each are looked at.
        device: Where the networks run.

    Raises:
        OptionError, CheckpointError: A network cannot be built or loaded here.
    """
    networks, branches = checkpoints(run), checkpoints(run, 'net_sigma')
    shared = [iteration for iteration in branches if iteration in networks]
    moments = {}
    for iteration in spread(shared, _CHECKPOINTS):
        values = [_sigma(run, networks[iteration], branches[iteration], lr, device) for lr in lrs]
        moments[iteration] = sigma_moment(np.concatenate([each.ravel() for each in values]))
    return moments


def sigma_bands(logs: Logs, moments: Mapping[str, Mapping[Optional[int], Mapping[int, SigmaMoment]]]) -> Any:
    """Return method -> (mean of sigma, share near zero) over the training, each a band over the seeds.

    From the logs where they tell, which is at every log line; else from the checkpoints.
    """
    bands: Dict[str, Tuple[SeedBand, SeedBand]] = {}
    for method, seeds in moments.items():
        of_logs = [log for log in logs.get(method, {}).values() if MEAN in log.values]
        if of_logs:
            curves = [[log.values.get(name, {}) for log in of_logs] for name in (MEAN, NEAR_ZERO)]
        else:
            groups = [group for group in seeds.values() if group]
            curves = [
                [{iteration: getattr(moment, name) for iteration, moment in group.items()} for group in groups]
                for name in ('mean', 'near_zero')
            ]
        bands[method] = (seed_band(curves[0]), seed_band(curves[1]))
    return bands


def sigma_table(bands: Mapping[str, Tuple[SeedBand, SeedBand]]) -> FigureTable:
    """Return sigma at the first, a middle and the last moment of each method, means over the seeds."""
    rows: List[List[str]] = []
    for method, (mean, near_zero) in bands.items():
        for place in spread(range(mean.iterations.size), 3):
            share = f'{100 * near_zero.mean[place]:.1f} %' if place < near_zero.mean.size else '-'
            rows.append([method, f'{mean.iterations[place]:,}', f'{mean.mean[place]:.5f}', share])
    return FigureTable(['method', 'iteration', 'mean of sigma', 'below one grey level'], rows)


def draw_sigma(
    bands: Mapping[str, Tuple[SeedBand, SeedBand]],
    moments: Mapping[str, Mapping[int, SigmaMoment]],
    styles: Mapping[str, MethodStyle],
) -> bytes:
    """Draw mean sigma and its share near zero over the training, and its distribution at each checkpoint.

    Args:
        bands: Method -> both curves.
        moments: Method -> iteration -> sigma, of one seed.
        styles: Method -> how it is drawn.
    """
    shown = {method: group for method, group in moments.items() if group}
    figure = new_figure(WIDTH, 2.4 * (2 + len(shown)) + 0.3)
    grid = figure.subplots(2 + len(shown), 1, squeeze=False)[:, 0]
    for method, both in bands.items():
        for axes, band in zip(grid, both):
            draw_band(axes, band, styles[method], method)
    plain(grid[0], 'Sigma while training', 'iterations', 'mean of sigma')
    grid[0].set_yscale('log')
    plain(grid[1], 'Sigma near zero: below one grey level', 'iterations', 'share of pixels')
    grid[1].set_ylim(-0.02, 1.02)
    for axes, (method, group) in zip(grid[2:], shown.items()):
        _draw_distribution(axes, method, group)
    legend_below(figure, grid[0])
    return report_png(figure)


def _draw_distribution(axes: Any, method: str, moments: Mapping[int, SigmaMoment]) -> None:
    import matplotlib

    edges = np.concatenate([[EDGES[1] / 2], EDGES[1:]])
    for number, (iteration, moment) in enumerate(moments.items()):
        colour = matplotlib.colormaps['viridis'](0.9 * number / max(1, len(moments) - 1))
        axes.stairs(moment.shares, edges, color=colour, linewidth=1.2, label=f'{iteration:,}', baseline=None)
    axes.set_xscale('log')
    plain(axes, f'{drawn(method)}: distribution of sigma', 'sigma (images in [0, 1])', 'share of pixels')
    axes.legend(title='iteration', frameon=False, fontsize=FONT_SIZE - 2, title_fontsize=FONT_SIZE - 2)


def _sigma(run: TestedRun, weights: Any, branch_weights: Any, lr: np.ndarray, device: str) -> np.ndarray:
    import torch

    from bsr_plugins.archs.feature_tap import AUTO, FeatureTap
    from bsr_plugins.models.sigma_options import sigma_options

    network = built_network(run.options.get('network_g'), weights, run.experiment)
    name = (run.options.get('train') or {}).get('sigma_tap') or AUTO
    branch = built_network(sigma_options(run.options, network, name), branch_weights, run.experiment).to(device)
    network, tap = network.to(device), FeatureTap(network, name)
    with torch.no_grad(), tap:
        network(as_tensor(_middle(lr)).to(device))
        return branch(tap.take()).cpu().numpy()


def _middle(lr: np.ndarray) -> np.ndarray:
    top, left = (max(0, side - _SIDE) // 2 for side in lr.shape[:2])
    return lr[top : top + _SIDE, left : left + _SIDE]
