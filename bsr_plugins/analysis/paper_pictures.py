"""Pictures that the papers show, for a report that asks for them by name."""

from __future__ import annotations

from functools import partial
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from bsr_plugins.analysis import norm_maps, sigma_collapse, weight_maps
from bsr_plugins.analysis.checkpoints_of_run import loss_options
from bsr_plugins.analysis.compared_runs import TestedRun
from bsr_plugins.analysis.figure_style import method_styles
from bsr_plugins.analysis.held_out_windows import measured_runs_of
from bsr_plugins.analysis.measured_runs import MeasuredRuns
from bsr_plugins.analysis.report_figure import ReportFigure
from bsr_plugins.analysis.report_notes import Notes, slug
from bsr_plugins.analysis.training_log import TrainingLog, read_training_log
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.data.difficulty.scorers import choose_device

#: (test set, image).
Place = Tuple[str, str]
_SIGMA_IMAGES = 8


def draw_pictures(
    measured: MeasuredRuns, names: Sequence[str], image: Optional[str] = None, device: str = 'auto'
) -> List[ReportFigure]:
    """Return the pictures of the papers that are asked for.

    Args:
        measured: The comparison.
        names: Of ``PICTURES``.
        image: ``<test set>/<image>`` that maps are drawn of; None: the first image of the first test set.
        device: Where networks run.

    Raises:
        OptionError: A picture or the image is not known.
    """
    unknown = [name for name in names if name not in PICTURES]
    if unknown:
        raise OptionError(
            f'Unknown picture: {unknown[0]}',
            expected=', '.join(PICTURES),
            remedy=did_you_mean(unknown[0], list(PICTURES)),
        )
    place = _place(measured, image)
    return [figure for name in names for figure in PICTURES[name](measured, place, choose_device(device))]


def _weights(measured: MeasuredRuns, place: Place, device: str) -> List[ReportFigure]:
    runs = _one_of_each(measured)
    with_loss = [run for run in runs if loss_options(run.options, 'FocalPixelLoss')]
    figures = []
    for run in with_loss or runs:
        notes = Notes()
        title = f'How FPL weighs pixels: {run.method}'
        name = f'weights_{slug(run.method)}'
        stages = notes.of(partial(weight_maps.weight_stages, measured, run, place, device))
        if stages is None:
            figures.append(notes.unmeasured(name, title))
            continue
        text = (
            f'{place[1]} of {place[0]}. Above, the error of bicubic upscaling and of the network (FPL, Fig. 1), and '
            'below all, how many pixels have which error. Between them the weights W_sp by the error of bicubic '
            'upscaling, W_lp by the error of the network, and their product (Fig. 5), each map from its lowest weight '
            'to that of the largest 0.5 %. '
        )
        text += (
            'The rows are moments of the training.'
            if with_loss
            else "No run trains with FocalPixelLoss: these are the paper's weights as they would be for this network."
        )
        if len(stages) == 1:
            text += ' One moment alone was kept: a smaller logger.save_checkpoint_freq keeps more.'
        draw = partial(weight_maps.draw_weights, stages, measured.hr(*place))
        figures.append(notes.figure(name, title, text, draw, weight_maps.weight_table(stages)))
    return figures


def _norms(measured: MeasuredRuns, place: Place, device: str) -> List[ReportFigure]:
    runs = _one_of_each(measured)
    p = norm_maps.power_of(runs)
    hr = measured.hr(*place)
    images = {run.method: measured.sr(run, *place) for run in runs}
    maps = {method: norm_maps.norm_maps(image, hr, p) for method, image in images.items()}
    text = (
        f'{place[1]} of {place[0]}: what each pixel adds to the L2 norm, e^2, and to the Lp norm, |e|^{p:g}, of the '
        "luma's error (BSR, Fig. 8). Each map is scaled to its own largest value: the fewer pixels stand out, the more "
        'the norm rests on them.'
    )
    draw = partial(norm_maps.draw_norms, images, maps, hr, p)
    table, numbers = norm_maps.norm_table(maps, p), norm_maps.norm_numbers(maps, p)
    return [Notes().figure('norms', 'Errors by the L2 and the Lp norm', text, draw, table, numbers=numbers)]


def _sigma(measured: MeasuredRuns, place: Place, device: str) -> List[ReportFigure]:
    notes = Notes()
    title = 'Sigma while training'
    runs = [run for run in measured_runs_of(measured) if sigma_collapse.has_sigma(run)]
    if not runs:
        notes.add('No run has a sigma branch: network_sigma: {type: SigmaBranch}')
        return [notes.unmeasured('sigma', title)]
    lrs = [measured.lr(place[0], name) for name in measured.names(place[0])[:_SIGMA_IMAGES]]
    logs: Dict[str, Dict[Optional[int], TrainingLog]] = {}
    moments: Dict[str, Dict[Optional[int], Dict[int, sigma_collapse.SigmaMoment]]] = {}
    for run in runs:
        log = notes.of(partial(read_training_log, run.experiment))
        if log is not None:
            logs.setdefault(run.method, {})[run.seed] = log
        found = notes.of(partial(sigma_collapse.sigma_over_training, run, lrs, device))
        moments.setdefault(run.method, {})[run.seed] = found or {}
    bands = sigma_collapse.sigma_bands(logs, moments)
    text = (
        'Mean of sigma and the share of it that is below one grey level (1/255), over the training ("Revisiting L1 '
        'loss", Fig. 2): where sigma goes to zero, the loss of Eq. 6 is L1 again. The curves are those of the log, or '
        f'where it does not tell, of the checkpoints on {len(lrs)} images of {place[0]}; the distributions are those '
        'of the checkpoints. A smaller logger.save_checkpoint_freq keeps more of them.'
    )
    first = {method: next(iter(seeds.values())) for method, seeds in moments.items()}
    draw = partial(sigma_collapse.draw_sigma, bands, first, method_styles(measured.compared.methods))
    return [notes.figure('sigma', title, text, draw, sigma_collapse.sigma_table(bands))]


#: Name of a picture -> what draws it: FPL, Fig. 1 and 5; BSR, Fig. 8; "Revisiting L1 loss", Fig. 2.
PICTURES: Mapping[str, Callable[[MeasuredRuns, Place, str], List[ReportFigure]]] = {
    'weights': _weights,
    'norms': _norms,
    'sigma': _sigma,
}


def _one_of_each(measured: MeasuredRuns) -> List[TestedRun]:
    runs: Dict[str, TestedRun] = {}
    for run in measured_runs_of(measured):
        runs.setdefault(run.method, run)
    return list(runs.values())


def _place(measured: MeasuredRuns, image: Optional[str]) -> Place:
    known = [(test_set, name) for test_set in measured.files for name in measured.names(test_set)]
    if image is None:
        return known[0]
    for place in known:
        if image == '/'.join(place):
            return place
    names = ['/'.join(place) for place in known]
    raise OptionError(f'No such image: {image}', expected='<test set>/<image>', remedy=did_you_mean(image, names))
