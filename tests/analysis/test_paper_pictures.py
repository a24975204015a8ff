"""The papers' pictures: numbers by hand, each drawn once from a run with checkpoints, and what is missing said."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from bsr_plugins.analysis.checkpoints_of_run import checkpoints, loss_options, spread, stages_of
from bsr_plugins.analysis.compared_runs import ComparedRuns, TestedRun, TestSet
from bsr_plugins.analysis.measured_runs import MeasuredRuns, measure
from bsr_plugins.analysis.norm_maps import norm_maps, power_of, share_of_hardest, visible_share
from bsr_plugins.analysis.paper_pictures import PICTURES, draw_pictures
from bsr_plugins.analysis.sigma_collapse import EDGES, sigma_bands, sigma_moment
from bsr_plugins.analysis.training_log import TrainingLog
from bsr_plugins.analysis.weight_maps import pixel_errors, shares_by_error, weight_maps
from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.sigma_statistics import sigma_statistics

NETWORK = {'type': 'FSRCNN', 'upscale': 2, 'd': 4, 's': 2, 'm': 1}
BRANCH = {'type': 'SigmaBranch', 'num_feat': 4, 'num_conv': 1}


def test_weights_are_those_of_the_loss():
    """methods.md, FPL, golden 1: y_sp = [0, .1, .2, .4] and y_lp = [.1, .1, .3, .2]."""
    target = torch.full((1, 1, 1, 4), 0.5)
    base = target - torch.tensor([0, 0.1, 0.2, 0.4])
    pred = target + torch.tensor([0.1, 0.1, 0.3, 0.2])
    maps = weight_maps(pred, target, base, {})
    assert maps.static[0] == pytest.approx([0.5, 0.642013, 0.824361, 1.359141], abs=1e-6)
    assert maps.learnt[0] == pytest.approx([1, 1, 2.718282, 1.648721], abs=1e-6)
    assert maps.product == pytest.approx(maps.static * maps.learnt)
    assert weight_maps(pred, target, base, {'gamma_sp': 0, 'alpha_sp': 2.0}).static[0].tolist() == [2.0] * 4

    from bsr_plugins.losses.focal_pixel_loss import focal_pixel_loss

    loss = focal_pixel_loss(pred, target, base)
    np.testing.assert_allclose(loss[0, 0].numpy(), maps.product * (pred - target).abs()[0, 0].numpy(), rtol=1e-5)


def test_pixels_by_their_error():
    target = torch.full((1, 3, 2, 2), 100 / 255)
    errors = pixel_errors(target + 10 / 255, target, target)
    assert errors.bicubic.max() == 0
    assert errors.network == pytest.approx(10 * 219.859 / 256, rel=1e-3)
    assert shares_by_error(np.array([0, 0.9, 1, 7.9, 8, 300.0])).tolist() == pytest.approx(
        np.array([2, 1, 0, 1, 1, 0, 0, 1]) / 6
    )


def test_norms_of_an_image():
    hr = np.full((1, 10, 3), 100, np.uint8)
    image = hr.copy()
    image[0, 0], image[0, 1] = 200, 125
    maps = norm_maps(image, hr, 0.5)
    # 100 and 25 grey levels: 16 : 1 squared, 2 : 1 by their roots
    assert maps.l2[0, 0] / maps.l2[0, 1] == pytest.approx(16, rel=1e-3)
    assert maps.lp[0, 0] / maps.lp[0, 1] == pytest.approx(2, rel=1e-3)
    assert share_of_hardest(maps.l2) == pytest.approx(16 / 17, rel=1e-3)
    assert share_of_hardest(maps.lp) == pytest.approx(2 / 3, rel=1e-3)
    assert (visible_share(maps.l2), visible_share(maps.lp)) == (0.1, 0.2)
    assert share_of_hardest(np.zeros((2, 2))) == 0.1


def test_sigma_in_numbers():
    values = np.array([0.0, 1e-4, 0.5 / 255, 2 / 255, 1.0])
    moment = sigma_moment(values)
    assert (moment.mean, moment.near_zero) == (pytest.approx(values.mean()), 0.6)
    assert moment.shares.sum() == pytest.approx(1)
    assert moment.shares[0] == 0.2
    assert (EDGES[0], EDGES[-1]) == (0, 1)
    assert sigma_statistics(torch.tensor(values)) == {
        'sigma_mean': pytest.approx(values.mean()),
        'sigma_near_zero': pytest.approx(0.6),
    }


@pytest.mark.parametrize(
    ('iteration', 'kind', 'told'), [(10, BRANCH['type'], 1), (11, BRANCH['type'], 0), (10, 'Other', 0)]
)
def test_a_training_logs_sigma_where_a_log_line_is_due(iteration, kind, told):
    from bsr_plugins.models.sigma_branch import SigmaBranch

    opt = {'is_train': False, 'network_sigma': {'type': kind}, 'logger': {'print_freq': 10}}
    branch = SigmaBranch(SimpleNamespace(opt=opt, iteration=iteration))
    assert branch.log() == {}
    branch._told = torch.tensor([0.0, 0.5])
    assert branch.log() == ({'sigma_mean': 0.25, 'sigma_near_zero': 0.5} if told else {})
    assert branch.log() == {}


def test_curves_of_sigma_come_from_the_logs_where_they_tell():
    moments = {'a': {0: {5: sigma_moment(np.array([0.5]))}}, 'b': {0: {5: sigma_moment(np.array([0.5, 0.0]))}}}
    told = TrainingLog({'sigma_mean': {10: 0.02, 20: 0.01}, 'sigma_near_zero': {10: 0.0, 20: 0.5}})
    bands = sigma_bands({'a': {0: told}, 'b': {0: TrainingLog()}}, moments)
    assert [band.mean.tolist() for band in bands['a']] == [[0.02, 0.01], [0.0, 0.5]]
    assert [band.mean.tolist() for band in bands['b']] == [[0.25], [0.5]]


def test_some_of_many():
    assert spread(range(9), 3) == [0, 4, 8]
    assert spread([1, 2], 3) == [1, 2]
    assert spread([], 3) == []


def test_losses_are_found_wherever_they_stand():
    for train in (
        {'pixel_opt': {'type': 'FocalPixelLoss', 'p': 2}},
        {'losses': {'x': {'type': 'FocalPixelLoss', 'p': 2}}},
    ):
        assert loss_options({'train': train}, 'FocalPixelLoss')['p'] == 2
        assert loss_options({'train': train}, 'HybridLpLoss') == {}
    run = TestedRun('a', 0, None, {'train': {'pixel_opt': {'type': 'HybridLpLoss', 'p': 0.7}}}, None, {})
    assert (power_of([run]), power_of([])) == (0.7, 0.5)


@pytest.fixture(scope='module')
def measured(tmp_path_factory) -> MeasuredRuns:
    from bsr_plugins.archs.sigma_branch_arch import SigmaBranch
    from bsr_plugins.common.builders import build_network

    root = tmp_path_factory.mktemp('pictures')
    for folder in ('hr', 'lr', 'sr', 'experiments/le/models', 'experiments/fpl/models'):
        (root / folder).mkdir(parents=True)
    hr = np.random.default_rng(0).integers(0, 255, (32, 40, 3), np.uint8)
    cv2.imwrite(str(root / 'hr' / 'one.png'), hr)
    cv2.imwrite(str(root / 'sr' / 'one_t.png'), hr // 2)
    cv2.imwrite(str(root / 'lr' / 'one.png'), cv2.resize(hr, (20, 16), interpolation=cv2.INTER_AREA))
    runs = []
    for method, train in (
        ('fpl', {'pixel_opt': {'type': 'FocalPixelLoss'}}),
        ('le', {'sigma_opt': {'type': 'SigmaLoss'}}),
    ):
        models = root / 'experiments' / method / 'models'
        options = {'network_g': NETWORK, 'train': train, 'scale': 2}
        for iteration in (5, 10):
            torch.save({'params': build_network(NETWORK).state_dict()}, models / f'net_g_{iteration}.pth')
            if method == 'le':
                options['network_sigma'] = BRANCH
                branch = SigmaBranch(4, 3, 4, 1, 2, init_sigma=0.1 / iteration**2)
                torch.save({'params': branch.state_dict()}, models / f'net_sigma_{iteration}.pth')
        (models / 'net_g_latest.pth').write_bytes((models / 'net_g_10.pth').read_bytes())
        runs.append(TestedRun(method, 0, models.parent, options, models / 'net_g_latest.pth', {'S': root / 'sr'}, '_t'))
    return measure(ComparedRuns('c', 2, ('fpl', 'le'), {}, tuple(runs), (TestSet('S', root / 'hr', root / 'lr'),)))


def test_checkpoints_of_a_run(measured):
    run = measured.compared.runs[0]
    assert list(checkpoints(run)) == [5, 10]
    assert checkpoints(run, 'net_sigma') == {}
    assert [label for label, _ in stages_of(run, 4)] == ['iteration 5', 'iteration 10']
    bare = replace(run, experiment=run.experiment / 'absent')
    assert stages_of(bare, 4) == [('tested weights', bare)]


def test_every_picture_is_drawn(measured):
    figures = {figure.name: figure for figure in draw_pictures(measured, list(PICTURES), 'S/one', 'cpu')}
    assert list(figures) == ['weights_fpl', 'norms', 'sigma']
    for figure in figures.values():
        image = cv2.imdecode(np.frombuffer(figure.png, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape[1] == 816
        assert image.std() > 5
        assert {len(row) for row in figure.table.rows} == {len(figure.table.heads)}
    assert [row[0] for row in figures['weights_fpl'].table.rows] == ['iteration 5', 'iteration 10']
    (early, late) = figures['sigma'].table.rows
    # the branches start at .004 and .001: around the one grey level of 1/255 = .0039, and below it
    assert float(early[2]) > 2 * float(late[2])
    assert late[3] == '100.0 %'
    assert 'No training log' in figures['sigma'].text
    assert figures['norms'].numbers['p'] == 0.5


def test_what_is_missing_is_said(measured):
    plain = replace(measured.compared.runs[0], options={'network_g': {'type': 'NoSuchNetwork'}})
    bare = replace(measured, compared=replace(measured.compared, runs=(plain,)))
    weights, sigma = draw_pictures(bare, ['weights', 'sigma'])
    assert weights.png is sigma.png is None
    assert 'NoSuchNetwork cannot be built here' in weights.text
    assert 'No run has a sigma branch' in sigma.text
    with pytest.raises(OptionError, match='Unknown picture: weight'):
        draw_pictures(measured, ['weight'])
    with pytest.raises(OptionError, match='No such image: S/on') as error:
        draw_pictures(measured, ['norms'], 'S/on')
    assert 'S/one' in str(error.value)


def test_the_command_offers_what_there_is():
    from bsr_plugins.analysis.training_windows import PER_CLASS
    from bsr_plugins.cli import report

    assert tuple(PICTURES) == report.PICTURES
    assert report.WINDOWS == PER_CLASS
