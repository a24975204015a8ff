"""FPL, Fig. 1 and 5: how pixels are distributed by their error, and how FPL weighs them, also while it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from bsr_plugins.analysis.checkpoints_of_run import as_tensor, loss_options, output_of, stages_of
from bsr_plugins.analysis.compared_runs import TestedRun
from bsr_plugins.analysis.figure_style import FONT_SIZE, WIDTH, drawn, new_figure, plain, report_png
from bsr_plugins.analysis.measured_runs import MeasuredRuns
from bsr_plugins.analysis.report_figure import FigureTable

if TYPE_CHECKING:
    import torch

_STAGES = 4
_WHITE = 0.995
_EDGES = np.array([0, 1, 2, 4, 8, 16, 32, 64, 256])


class WeightMaps(NamedTuple):
    """Weights of each pixel, means over its channels, (H, W) each: W_sp, W_lp and their product (Eq. 5 and 7)."""

    static: np.ndarray
    learnt: np.ndarray
    product: np.ndarray


class PixelErrors(NamedTuple):
    """Fig. 1: absolute errors of the luma in grey levels, (H, W) each: of bicubic upscaling, and of the network."""

    bicubic: np.ndarray
    network: np.ndarray


class WeightStage(NamedTuple):
    """One moment of a training."""

    label: str
    maps: WeightMaps
    errors: PixelErrors


def weight_maps(pred: torch.Tensor, target: torch.Tensor, base: torch.Tensor, options: Mapping[str, Any]) -> WeightMaps:
    """Return FPL's weights of one image.

    W(z) = alpha exp(gamma g(z)) with y_sp = |target - base| (Eq. 3) and y_lp = |target - pred| (Eq. 4); g takes the
    minimum and the maximum over this image. Their product is what Eq. 7 multiplies the error by.

    Args:
        pred: Super-resolved image, (1, C, H, W) in [0, 1].
        target: Its original.
        base: The LR image upscaled bicubically.
        options: Those of FocalPixelLoss; what they leave out is its default.
    """
    from bsr_plugins.losses.focal_pixel_loss import min_max_normalised

    values = loss_values(options)

    def weights(z: Any, alpha: float, gamma: float) -> Any:
        return alpha * (gamma * min_max_normalised(z.abs(), values['norm_scope'])).exp()

    static = weights(target - base, values['alpha_sp'], values['gamma_sp'])
    learnt = weights(target - pred, values['alpha_lp'], values['gamma_lp'])
    return WeightMaps(*(each[0].mean(0).numpy() for each in (static, learnt, static * learnt)))


def loss_values(options: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the options of FocalPixelLoss, defaults filled in."""
    from bsr_plugins.losses.loss_options import FOCAL_PIXEL_LOSS

    return {**vars(FOCAL_PIXEL_LOSS.defaults), **options}


def pixel_errors(pred: torch.Tensor, target: torch.Tensor, base: torch.Tensor) -> PixelErrors:
    """Return the absolute errors of the luma of two images, clamped and rounded to 8 bit as metrics see them."""
    from bsr_plugins.data.images.luma_error import squared_luma_error

    hr = (target * 255).round().byte()
    return PixelErrors(*(255 * np.sqrt(squared_luma_error(image, hr)[0].numpy()) for image in (base, pred)))


def shares_by_error(errors: np.ndarray) -> np.ndarray:
    """Return the share of pixels in each interval of absolute error in grey levels: 0 to 1, 1 to 2, 2 to 4, ..."""
    return np.histogram(np.minimum(errors, 255), _EDGES)[0] / errors.size


def weight_stages(measured: MeasuredRuns, run: TestedRun, place: Tuple[str, str], device: str) -> List[WeightStage]:
    """Return FPL's weights on one image at several moments of a run.

    Raises:
        OptionError, CheckpointError: Its network cannot be built or loaded here.
    """
    from bsr_plugins.data.images.bicubic_resampling import upsample_bicubic

    lr, target = measured.lr(*place), as_tensor(measured.hr(*place))
    options = loss_options(run.options, 'FocalPixelLoss')
    scale = measured.compared.scale
    base = upsample_bicubic(as_tensor(lr), scale, loss_values(options)['bicubic'])
    found = []
    for label, moment in stages_of(run, _STAGES):
        pred = output_of(moment, lr, scale, device)
        found.append(WeightStage(label, weight_maps(pred, target, base, options), pixel_errors(pred, target, base)))
    return found


def weight_table(stages: Sequence[WeightStage]) -> FigureTable:
    """Return mean and largest weights, and the share of the whole weight that the hardest tenth of pixels has."""
    rows = []
    for stage in stages:
        product = np.sort(stage.maps.product, axis=None)
        hardest = product[int(0.9 * product.size) :].sum() / product.sum()
        means = [f'{each.mean():.3f}' for each in stage.maps]
        rows.append([stage.label, *means, f'{stage.maps.product.max():.3f}', f'{100 * hardest:.1f} %'])
    return FigureTable(
        ['weights', 'mean W_sp', 'mean W_lp', 'mean product', 'largest product', 'weight of the top 10 % of pixels'],
        rows,
    )


def draw_weights(stages: Sequence[WeightStage], hr: np.ndarray) -> bytes:
    """Draw the errors of the last moment and pixels by error (Fig. 1), then the weights at each moment (Fig. 5)."""
    ratio = hr.shape[0] / hr.shape[1]
    row = WIDTH / 3 * ratio + 0.3
    figure = new_figure(WIDTH, row * (1 + len(stages)) + 2.4)
    upper, lower = figure.subfigures(2, 1, height_ratios=[row * (1 + len(stages)), 2.4])
    grid = upper.subplots(1 + len(stages), 3, squeeze=False)
    last = stages[-1].errors
    top = max(1.0, float(np.quantile(last.bicubic, 0.99)))
    grid[0, 0].imshow(hr[..., ::-1])
    grid[0, 0].set_title('original', fontsize=FONT_SIZE - 1)
    _draw_map(grid[0, 1], last.bicubic, 'error of bicubic', 0, top)
    _draw_map(grid[0, 2], last.network, 'error of the network', 0, top)
    for axes, stage in zip(grid[1:], stages):
        for each, values, title in zip(axes, stage.maps, ('$W_{sp}$', '$W_{lp}$', 'product')):
            # The few largest weights would leave all others black.
            _draw_map(each, values, f'{title}, {drawn(stage.label)}', values.min(), np.quantile(values, _WHITE))
    for axes in grid.flat:
        axes.axis('off')
    _draw_distribution(lower.subplots(), last)
    return report_png(figure)


def _draw_distribution(axes: Any, errors: PixelErrors) -> None:
    places = np.arange(len(_EDGES) - 1)
    for offset, values, name, colour in (
        (-0.2, errors.bicubic, 'bicubic', '0.55'),
        (0.2, errors.network, 'network', '#0072b2'),
    ):
        axes.bar(places + offset, shares_by_error(values), 0.4, label=name, color=colour)
    labels = [f'{low}-{high}' for low, high in zip(_EDGES[:-2], _EDGES[1:-1])]
    axes.set_xticks(places, [*labels, f'{_EDGES[-2]}+'], fontsize=FONT_SIZE - 3)
    axes.legend(frameon=False, fontsize=FONT_SIZE - 1)
    plain(axes, 'Pixels by their error', 'absolute error of the luma (grey levels)', 'share of pixels')


def _draw_map(axes: Any, values: np.ndarray, title: str, low: float, high: float) -> None:
    axes.imshow(values, cmap='inferno', vmin=low, vmax=high)
    axes.set_title(title, fontsize=FONT_SIZE - 2)
