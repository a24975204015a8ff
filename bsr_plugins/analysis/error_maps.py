"""Where a method differs most from its twin: crops, the error of both there, and error maps of whole images."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.analysis.crop_figures import draw_place, draw_square
from bsr_plugins.analysis.differing_crops import Crop
from bsr_plugins.analysis.figure_style import FONT_SIZE, WIDTH, MethodStyle, drawn, new_figure, report_png
from bsr_plugins.analysis.measured_runs import MeasuredRuns
from bsr_plugins.analysis.report_figure import FigureTable, LinkedImage
from bsr_plugins.data.sampling.class_psnr import psnr_of, squared_error_y

#: Error maps of whole images show the luma's error times this, so that white is 32 grey levels and more.
MAP_GAIN = 8


class Pair(NamedTuple):
    """A method and its twin, and the seed whose images are shown."""

    method: str
    twin: str
    seed: Optional[int]


class ShownCrop(NamedTuple):
    """One crop and its image: the original, bicubic's, the twin's and the method's, (H, W, 3) uint8 BGR each."""

    crop: Crop
    hr: np.ndarray
    bicubic: np.ndarray
    twin: np.ndarray
    method: np.ndarray


def shared_seed(measured: MeasuredRuns, method: str) -> Optional[Pair]:
    """Return the first seed that a method and its twin have; None where there is none."""
    twin = measured.compared.twins.get(method)
    for seed in measured.seeds:
        if twin is not None and seed in measured.scores.get(method, {}) and seed in measured.scores.get(twin, {}):
            return Pair(method, twin, seed)
    return None


def read_crop(measured: MeasuredRuns, pair: Pair, crop: Crop) -> ShownCrop:
    """Read the images of a crop, whose name is ``<test set>/<image>``.

    Raises:
        DataError: One of them cannot be read.
    """
    place = _place(crop)
    runs = [measured.compared.of(name)[pair.seed] for name in (pair.twin, pair.method)]
    return ShownCrop(
        crop, measured.hr(*place), measured.bicubic_of(*place), *(measured.sr(run, *place) for run in runs)
    )


def error_map(image: np.ndarray, hr: np.ndarray) -> np.ndarray:
    """Return the absolute error of the luma in grey levels of 255: (H, W) float64."""
    return 255 * np.sqrt(squared_error_y(image, hr))


def crop_table(shown: Sequence[ShownCrop], pair: Pair) -> FigureTable:
    """Return where each crop lies and the PSNR (dB, Y) of each method there."""
    rows = []
    for each in shown:
        crop = each.crop
        psnr = [crop_psnr(image, each.hr, crop) for image in (each.bicubic, each.twin, each.method)]
        place = f'{crop.name}, {crop.left} right, {crop.top} down'
        rows.append([place, *('-' if value is None else f'{value:.2f}' for value in psnr)])
    return FigureTable(['crop', 'bicubic', pair.twin, pair.method], rows)


def crop_psnr(image: np.ndarray, hr: np.ndarray, crop: Crop) -> Optional[float]:
    """Return the PSNR (dB, Y) inside a crop."""
    return psnr_of(squared_error_y(_cut(image, crop), _cut(hr, crop)))


def linked_maps(measured: MeasuredRuns, shown: Sequence[ShownCrop], pair: Pair) -> Tuple[LinkedImage, ...]:
    """Return the super-resolved images that the crops are of, and their error maps, in full size."""
    links: Dict[str, LinkedImage] = {}
    for each in shown:
        test_set, name = _place(each.crop)
        for method, image in ((pair.twin, each.twin), (pair.method, each.method)):
            run = measured.compared.of(method)[pair.seed]
            stem = f'{test_set}_{name}_{method}_{pair.seed}'
            links[stem] = LinkedImage(f'{name}, {method}', measured.path(run, test_set, name), stem)
            links[f'{stem}_error'] = LinkedImage(
                f'{name}, error of {method}', None, f'{stem}_error', _grey_png(MAP_GAIN * error_map(image, each.hr))
            )
    return tuple(links.values())


def draw_crops_and_errors(shown: Sequence[ShownCrop], pair: Pair, styles: Dict[str, MethodStyle]) -> bytes:
    """Draw each crop in two rows: place, original, twin, method; under them bicubic, the difference, both errors."""
    figure = new_figure(WIDTH, 2.75 * len(shown))
    grid = figure.subplots(2 * len(shown), 4, squeeze=False)
    for number, each in enumerate(shown):
        _draw(grid[2 * number], grid[2 * number + 1], each, pair, styles)
    return report_png(figure)


def _draw(upper: Any, lower: Any, each: ShownCrop, pair: Pair, styles: Dict[str, MethodStyle]) -> None:
    crop, hr = each.crop, _cut(each.hr, each.crop)
    draw_place(upper[0], crop, each.hr)
    upper[0].set_title(drawn(crop.name.partition('/')[2]), fontsize=FONT_SIZE - 2)
    draw_square(upper[1], hr, 'original', 'black', False)
    psnr = [crop_psnr(image, each.hr, crop) for image in (each.bicubic, each.twin, each.method)]
    images = [_cut(image, crop) for image in (each.bicubic, each.twin, each.method)]
    draw_square(lower[0], images[0], _title('bicubic', psnr[0]), '#5f5f5f', False)
    errors = [error_map(image, hr) for image in images[1:]]
    top = max(1.0, *(float(np.quantile(error, 0.995)) for error in errors))
    for axes, below, method, image, error, value in zip(
        upper[2:], lower[2:], (pair.twin, pair.method), images[1:], errors, psnr[1:]
    ):
        best = value == max((known for known in psnr[1:] if known is not None), default=None)
        draw_square(axes, image, _title(method, value), styles[method].colour, best)
        _draw_map(below, error, 'inferno', 0, top, f'error, white {top:.0f}')
    difference = errors[0] - errors[1]
    span = max(1.0, float(np.quantile(np.abs(difference), 0.99)))
    _draw_map(lower[1], difference, 'RdBu', -span, span, f'red: {drawn(pair.twin)}\nis closer')
    for axes in (*upper, *lower):
        axes.title.set_fontsize(FONT_SIZE - 2)


def _draw_map(axes: Any, values: np.ndarray, colours: str, low: float, high: float, title: str) -> None:
    axes.imshow(values, cmap=colours, vmin=low, vmax=high, interpolation='nearest')
    axes.set_title(title, fontsize=FONT_SIZE - 2)
    axes.axis('off')


def _title(method: str, psnr: Optional[float]) -> str:
    return f'{drawn(method)}\n' + ('-' if psnr is None else f'{psnr:.2f} dB')


def _place(crop: Crop) -> Tuple[str, str]:
    test_set, _, name = crop.name.partition('/')
    return test_set, name


def _cut(image: np.ndarray, crop: Crop) -> np.ndarray:
    return image[crop.top : crop.top + crop.size, crop.left : crop.left + crop.size]


def _grey_png(values: np.ndarray) -> bytes:
    import cv2

    return cv2.imencode('.png', np.round(np.clip(values, 0, 255)).astype(np.uint8))[1].tobytes()
