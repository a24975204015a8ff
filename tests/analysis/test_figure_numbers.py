"""The numbers behind the figures: histograms, bands over seeds, frozen shares, costs, error maps."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bsr_plugins.analysis.attribution_rounds import frozen_shares, short_layer
from bsr_plugins.analysis.cost_figure import cost_numbers, cost_table, method_costs
from bsr_plugins.analysis.curve_figure import curve_table, loss_bands, validation_bands
from bsr_plugins.analysis.error_histograms import error_histograms, tail_shares, weighted_quantile
from bsr_plugins.analysis.error_maps import error_map
from bsr_plugins.analysis.figure_style import method_styles
from bsr_plugins.analysis.network_costs import NetworkCosts
from bsr_plugins.analysis.overview_figure import overview, tiled
from bsr_plugins.analysis.report_figure import ReportFigure
from bsr_plugins.analysis.seed_bands import running_mean, seed_band, stages
from bsr_plugins.analysis.training_log import TrainingLog, parse_training_log
from bsr_plugins.analysis.window_errors import WindowErrors
from bsr_plugins.runs.peak_memory import peak_of_process, sentence


def test_histograms_share_their_edges_and_count_every_window():
    windows = WindowErrors(
        np.zeros(4, int),
        np.zeros(4, bool),
        np.array([1.0, 1.0, 1.0, 5.0]),
        np.array([1e-4, 1e-3, 1e-2, 1e-1]),
        {'a': {0: np.full(4, 1e-4), 1: np.full(4, 1e-1)}, 'exact': {0: np.zeros(4)}},
        1,
    )
    found = error_histograms(windows, bins=6)
    assert found.edges == pytest.approx(10.0 ** np.arange(-7, 0))
    assert all(share.sum() == pytest.approx(1) for share in found.shares.values())
    assert found.shares['bicubic'] == pytest.approx([0, 0, 0, 1 / 8, 1 / 8, 6 / 8])
    assert found.shares['a'][[3, 5]] == pytest.approx([0.5, 0.5])
    assert found.shares['exact'][0] == 1
    assert tail_shares(found)['bicubic'] == pytest.approx([1, 1, 1, 1, 7 / 8, 6 / 8])


def test_quantiles_by_weight():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 8.0, 1.0])
    assert [weighted_quantile(values, weights, share) for share in (0.5, 0.8, 0.85, 0.95, 1)] == [1, 1, 2, 3, 3]


def test_windows_that_are_all_alike_have_a_histogram():
    same = np.full(3, 0.01)
    found = error_histograms(WindowErrors(np.zeros(3, int), np.zeros(3, bool), np.ones(3), same, {'a': {0: same}}, 1))
    assert found.shares['a'].sum() == pytest.approx(1)


def test_a_band_is_where_all_seeds_have_a_value():
    band = seed_band([{1: 1.0, 2: 4.0, 3: 1.0}, {2: 2.0, 3: 5.0, 4: 0.0}])
    assert (band.iterations.tolist(), band.mean.tolist()) == ([2, 3], [3.0, 3.0])
    assert (band.low.tolist(), band.high.tolist()) == ([2.0, 1.0], [4.0, 5.0])
    assert seed_band([{1: 1.0}, {}]).mean.size == 0
    assert seed_band([]).iterations.size == 0
    assert seed_band([{1: 1.0, 2: 2.0, 3: 6.0}], 3).mean.tolist() == [1.5, 3.0, 4.0]
    assert running_mean(np.array([5.0]), 9).tolist() == [5]


def test_stages_are_shaded_where_all_share_them():
    assert stages([[(1, 2)], [(1, 2)]]) == [(1, 2)]
    assert stages([[(1, 2)], [(1, 3)]]) == []
    assert stages([]) == []


LOG = TrainingLog(
    {'l_pix': {10: 1.0, 20: 2.0}, 'l_sigma': {10: 0.5, 20: 0.5}, 'inverse_stage': {10: 0.0, 20: 1.0}},
    {('Set5', 'psnr'): {10: 28.0, 20: 29.0}, ('Set5', 'ssim'): {10: 0.8}, ('Set5', 'psnr_class_9'): {10: 20.0}},
    {10: 0.2, 20: 0.4, 30: 0.3},
    (100, 2048),
)


def test_curves_of_a_method():
    assert loss_bands({'a': {0: LOG}})['a'].mean.tolist() == [2.0, 2.0]
    bands = validation_bands(
        {'a': {0: LOG, 1: TrainingLog(metrics={('Set5', 'psnr'): {20: 31.0}})}, 'b': {0: TrainingLog()}}
    )
    assert set(bands) == {('Set5', 'psnr')}
    assert set(bands['Set5', 'psnr']) == {'a'}
    assert bands['Set5', 'psnr']['a'].mean.tolist() == [30.0]
    assert curve_table(bands).rows == [['Set5, psnr: a', *['30.00 at 20'] * 3]]


def test_costs_of_a_method():
    costs = {
        'a': method_costs([LOG, TrainingLog(seconds={1: 0.5}, memory=(300, None))], NetworkCosts(1234, 2.5e9)),
        'b': method_costs([], None),
    }
    assert costs['a'] == ([0.3, 0.5], 300, 2048, (1234, 2.5e9))
    assert cost_table(costs).rows == [
        ['a', '0.400 (0.300 to 0.500)', '300', '2,048', '1,234', '2.50'],
        ['b', '-', '-', '-', '-', '-'],
    ]
    unknown = dict.fromkeys(('memory_mib', 'gpu_memory_mib', 'parameters', 'macs'))
    assert cost_numbers(costs)['b'] == {'seconds_per_iteration': [], **unknown}


@pytest.mark.parametrize(('gpu', 'memory'), [(None, (1536, None)), (3 * 2**30, (1536, 3072))])
def test_what_a_training_says_of_its_memory_is_read_back(gpu, memory):
    line = f'2026-01-01 10:00:00,000 INFO: {sentence(1536 * 2**20, gpu)}'
    assert parse_training_log(line).memory == memory
    assert peak_of_process() > 2**20


def test_seconds_of_an_iteration_are_read():
    line = 'INFO: [d..][epoch:  0, iter:   1,000, lr:(1.0e-03,)] [eta: 0:00:00, time (data): 0.125 (0.003)] l_pix: 2.0 '
    assert parse_training_log(line).seconds == {1000: 0.125}


def test_frozen_shares_are_means_over_the_seeds():
    def group(*shares):
        return [
            {'iteration': 10 * k, 'frozen_share': share, 'layers': {'base.a.weight': share, f'{extra}.weight': 0.0}}
            for k, (share, extra) in enumerate(zip(shares, 'bbb'), 1)
        ]

    found = frozen_shares([group(0.1, 0.2), group(0.3, 0.4, 0.5)])
    assert (found.layers, found.iterations) == (['base.a.weight', 'b.weight'], [10, 20])
    assert found.shares == pytest.approx(np.array([[0.2, 0.3], [0, 0]]))
    assert found.shares_of_all == pytest.approx([0.2, 0.3])
    assert [short_layer(name) for name in ('base.a.weight', 'x.weight', 'y')] == ['a', 'x', 'y']


def test_error_maps_are_in_grey_levels_of_the_luma():
    image = np.full((2, 2, 3), 100, np.uint8)
    assert error_map(image + 10, image) == pytest.approx(10 * 219 / 255, rel=1e-3)


def test_no_two_methods_look_alike():
    styles = method_styles([f'm{k}' for k in range(28)])
    assert len(set(styles.values())) == 28
    assert len({style.colour for style in list(styles.values())[:7]}) == 7


def test_an_overview_holds_every_picture():
    pictures = [np.full((height, 30, 3), value, np.uint8) for height, value in ((50, 10), (20, 20), (20, 30), (40, 40))]
    sheet = tiled(pictures, 2)
    # 50 | 20 + 20, then 40 below the first, whose column is the shorter one: the gaps count
    assert [int((sheet == value).sum()) for value in (10, 20, 30, 40)] == [4500, 1800, 1800, 3600]
    assert sheet.shape == (24 + 50 + 24 + 40 + 24, 3 * 24 + 60, 3)
    assert overview([ReportFigure('a', 'A', '', None)]) is None
    png = cv2.imencode('.png', pictures[0])[1].tobytes()
    assert cv2.imdecode(np.frombuffer(overview([ReportFigure('a', 'A', '', png)]), np.uint8), 1).shape == (98, 78, 3)
