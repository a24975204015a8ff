"""The figures of a report on any methods and seeds: what is measured for each, and what cannot be, in words."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any, DefaultDict, Dict, List, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.analysis import class_figure, cost_figure, curve_figure, error_histograms, error_maps, frozen_figure
from bsr_plugins.analysis.attribution_rounds import FrozenShares, frozen_shares, read_rounds
from bsr_plugins.analysis.compared_runs import TestedRun
from bsr_plugins.analysis.curve_figure import Logs
from bsr_plugins.analysis.figure_style import MethodStyle, method_styles
from bsr_plugins.analysis.held_out_windows import HeldOut, measure_held_out, measured_runs_of
from bsr_plugins.analysis.long_tail_figure import draw_long_tail, long_tail_table
from bsr_plugins.analysis.measured_runs import MeasuredRuns
from bsr_plugins.analysis.network_costs import NetworkCosts, network_costs
from bsr_plugins.analysis.report_figure import ReportFigure
from bsr_plugins.analysis.report_notes import Notes, slug
from bsr_plugins.analysis.trained_network import run_scorer, trained_network
from bsr_plugins.analysis.training_log import TrainingLog, read_training_log
from bsr_plugins.analysis.training_windows import PER_CLASS, TrainingWindows, read_training_windows
from bsr_plugins.analysis.window_errors import Errors, WindowErrors, class_psnr, sample_errors, training_errors
from bsr_plugins.common.builders import window_size
from bsr_plugins.data.difficulty.scorers import choose_device


def draw_figures(
    measured: MeasuredRuns, windows_per_class: int = PER_CLASS, crops: int = 4, device: str = 'auto'
) -> List[ReportFigure]:
    """Return the figures of a report.

    What cannot be measured is left out and said in the text of its figure: a network that cannot be built here, a run
    without a log, training windows that are not there. Without matplotlib every picture is None, the tables stand.

    Args:
        measured: The comparison.
        windows_per_class: Training windows of each class that every run super-resolves; 0 leaves them out.
        crops: Squares shown for each method where it differs most from its twin, half of them for it, half against.
        device: Where networks run: ``auto``, ``cpu``, ``cuda``.

    Raises:
        DataError: An image of a test set or of a run is missing or damaged.
    """
    return _Figures(measured, windows_per_class, crops, choose_device(device)).drawn()


class _Figures:
    def __init__(self, measured: MeasuredRuns, per_class: int, crops: int, device: str) -> None:
        self.measured = measured
        self.compared = measured.compared
        self.runs = measured_runs_of(measured)
        self.styles: Dict[str, MethodStyle] = method_styles(self.compared.methods)
        self.device = device
        self.per_class, self.crops = per_class, crops
        self.notes: DefaultDict[str, Notes] = defaultdict(Notes)

    def drawn(self) -> List[ReportFigure]:
        training = self.notes['classes'].of(self._training_windows)
        held_out = measure_held_out(self.measured, training, count=self.crops)
        groups = self._window_errors(training, held_out)
        figures = [
            None if training is None else self._long_tail(training),
            self._curves(),
            self._frozen(),
            self._classes(groups, training),
            self._histograms(groups),
            *(self._crops(method, found) for method, found in held_out.crops.items()),
            self._costs(),
        ]
        return [figure for figure in figures if figure is not None]

    # ------------------------------------------------------------------ what is measured
    def _training_windows(self) -> TrainingWindows:
        return read_training_windows(self.compared, self.per_class)

    def _window_errors(self, training: Optional[TrainingWindows], held_out: HeldOut) -> Dict[str, WindowErrors]:
        groups: Dict[str, WindowErrors] = {}
        if training is not None and training.sample:
            errors: Errors = {}
            for run in self.runs:
                found = self.notes['classes'].of(partial(self._errors_of, run, training))
                if found is not None:
                    errors.setdefault(run.method, {})[run.seed] = found
            if errors:
                groups['training'] = training_errors(training, errors)
        if held_out.windows is not None and held_out.windows.bicubic.size and held_out.windows.errors:
            groups['held-out'] = held_out.windows
        return groups

    def _errors_of(self, run: TestedRun, training: TrainingWindows) -> np.ndarray:
        scale = self.compared.scale
        return sample_errors(training, run_scorer(run, scale, self.device), scale)

    def _logs(self) -> Logs:
        logs: Dict[str, Dict[Optional[int], TrainingLog]] = {}
        for run in self.runs:
            log = self.notes['curves'].of(partial(read_training_log, run.experiment))
            if log is not None:
                logs.setdefault(run.method, {})[run.seed] = log
        return logs

    def _network_costs(self, run: TestedRun) -> NetworkCosts:
        window = window_size(run.options['network_g']) or 1
        return network_costs(trained_network(run), self.compared.scale, window)

    # ------------------------------------------------------------------ figures
    def _long_tail(self, training: TrainingWindows) -> ReportFigure:
        text = (
            f'{training.source}. Ranked by the error of bicubic upscaling they fall into classes of shrinking size '
            '(BSPA, Eq. 2): many easy windows, few hard ones.'
        )
        table = long_tail_table(training)
        return self.notes['long_tail'].figure(
            'long_tail', 'The long tail', text, partial(draw_long_tail, training), table
        )

    def _curves(self) -> Optional[ReportFigure]:
        logs = self._logs()
        if not logs:
            return self.notes['curves'].unmeasured('curves', 'Training')
        bands = curve_figure.validation_bands(logs)
        bicubic = self._bicubic_of_validation([dataset for dataset, _ in bands])
        text = (
            'Lines are means over the seeds, the bands around them the range from the lowest to the highest seed. '
            'Methods train by different losses: compare the curves of the validation. Grey stretches are inverse '
            'stages. Validations shown here crop and convert as the option file says.'
        )
        draw = partial(curve_figure.draw_curves, logs, *bicubic, self.styles)
        return self.notes['curves'].figure('curves', 'Training', text, draw, curve_figure.curve_table(bands))

    def _bicubic_of_validation(self, datasets: Sequence[str]) -> Tuple[Optional[float], str]:
        for name in datasets:
            if name in self.measured.bicubic:
                return float(np.mean([scores['psnr_y'] for scores in self.measured.bicubic[name].values()])), name
        return None, ''

    def _frozen(self) -> Optional[ReportFigure]:
        frozen: Dict[str, FrozenShares] = {}
        for method in self.compared.methods:
            rounds = [self.notes['frozen'].of(partial(read_rounds, run.experiment)) for run in self._of(method)]
            known = [each for each in rounds if each]
            if known:
                frozen[method] = frozen_shares(known)
        if not frozen:
            return None
        text = (
            'After each inverse stage integrated gradients over the parameters (BSPA, Eq. 9 and 10) tell which weights '
            'changed the loss most; the highest ranked share (Eq. 11) is frozen in the uniform stage that follows. '
            'Means over the seeds.'
        )
        draw = partial(frozen_figure.draw_frozen, frozen)
        numbers = frozen_figure.frozen_numbers(frozen)
        return self.notes['frozen'].figure(
            'frozen', 'What is frozen', text, draw, frozen_figure.frozen_table(frozen), numbers=numbers
        )

    def _classes(self, groups: Dict[str, WindowErrors], training: Optional[TrainingWindows]) -> Optional[ReportFigure]:
        if not groups or training is None:
            if training is not None:
                self.notes['classes'].add(f'No test image holds a window of {training.grid.crop} pixels')
            return self.notes['classes'].unmeasured('classes', 'PSNR by difficulty class')
        psnr = {name: class_psnr(windows) for name, windows in groups.items()}
        text = (
            f'Windows of {training.grid.crop} pixels, classed by the thresholds of the training set '
            f'({training.source}); the hardest 10 % are those that are harder than nine tenths of it. The PSNR (Y) of '
            'a class is that of the mean squared error over its windows. Points are means over the seeds, lines their '
            'range. In the table the gain over the twin stands in brackets.'
        )
        if 'training' in psnr:
            text += f' Of the training set at most {self.per_class} windows a class are super-resolved by every run.'
        twins = self.compared.twins
        draw = partial(class_figure.draw_classes, psnr, twins, self.styles)
        table, numbers = class_figure.class_table(psnr, twins), class_figure.class_numbers(psnr)
        return self.notes['classes'].figure('classes', 'PSNR by difficulty class', text, draw, table, numbers=numbers)

    def _histograms(self, groups: Dict[str, WindowErrors]) -> Optional[ReportFigure]:
        if not groups:
            return None
        text = (
            'The mean squared error of every window under each method, one distribution over the other (BSPA, Fig. 5); '
            'below it the share of windows whose error is larger. A method that helps the hard windows has the '
            'shorter tail.'
        )
        draw = partial(error_histograms.draw_histograms, groups, self.styles)
        table = error_histograms.error_table(groups)
        return self.notes['histograms'].figure('histograms', 'How errors are distributed', text, draw, table)

    def _crops(self, method: str, found: Sequence[Any]) -> Optional[ReportFigure]:
        pair = error_maps.shared_seed(self.measured, method)
        if pair is None or not found:
            return None
        shown = [error_maps.read_crop(self.measured, pair, crop) for crop in found]
        text = (
            f'The squares where {method} and its twin {pair.twin} differ most in squared error, averaged over the '
            f'seeds: half of them where {method} is ahead, then half where {pair.twin} is. The images are those of '
            f'seed {pair.seed}. Errors are those of the luma in grey levels; the linked error maps show them '
            f'{error_maps.MAP_GAIN} times.'
        )
        name = 'crops' if len(self.compared.twins) == 1 else f'crops_{slug(method)}'
        draw = partial(error_maps.draw_crops_and_errors, shown, pair, self.styles)
        links = error_maps.linked_maps(self.measured, shown, pair)
        title = f'Where {method} and {pair.twin} differ most'
        return self.notes[name].figure(name, title, text, draw, error_maps.crop_table(shown, pair), links)

    def _costs(self) -> ReportFigure:
        logs = self._logs()
        costs = {
            method: cost_figure.method_costs(
                list(logs.get(method, {}).values()),
                self.notes['costs'].of(partial(self._network_costs, runs[0])),
            )
            for method in self.compared.methods
            for runs in [self._of(method)]
            if runs
        }
        text = (
            'Seconds of a training iteration are the median of the log lines: runs that shared a machine slow each '
            'other. Memory is the most that the training process held, where its log says so. MACs are those of '
            'convolutions and matrix products of the tested network for an output of 1280 x 720 pixels.'
        )
        numbers = cost_figure.cost_numbers(costs)
        draw = partial(cost_figure.draw_costs, costs, self.styles)
        return self.notes['costs'].figure('costs', 'Costs', text, draw, cost_figure.cost_table(costs), numbers=numbers)

    # ------------------------------------------------------------------ words
    def _of(self, method: str) -> List[TestedRun]:
        return [run for run in self.runs if run.method == method]
