"""Scores of runs by method, seed, set and image; a run that cannot be measured leaves the others."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bsr_plugins.analysis.compared_runs import ComparedRuns, TestedRun, TestSet
from bsr_plugins.analysis.image_scores import METRICS
from bsr_plugins.analysis.measured_runs import measure
from bsr_plugins.common.errors import DataError


@pytest.fixture(scope='module')
def compared(tmp_path_factory) -> ComparedRuns:
    root = tmp_path_factory.mktemp('measured')
    rng = np.random.default_rng(0)
    for folder in ('hr', 'lr', 'plain_0', 'plain_1', 'soft_0'):
        (root / folder).mkdir()
    for number, name in enumerate(('one', 'two')):
        # 30 is no multiple of 4: BasicSR cuts the original to 28
        hr = rng.integers(0, 255, (30, 40, 3), np.uint8)
        cv2.imwrite(str(root / 'hr' / f'{name}.png'), hr)
        cv2.imwrite(str(root / 'lr' / f'{name}x4.png'), cv2.resize(hr[:28], (10, 7), interpolation=cv2.INTER_AREA))
        for run in ('plain_0', 'plain_1', 'soft_0'):
            sr = hr[:28] if run == 'plain_1' and number else hr[:28] // 2
            cv2.imwrite(str(root / run / f'{name}_t.png'), sr)

    def run(method, seed):
        return TestedRun(method, seed, root, {}, root, {'S': root / f'{method}_{seed}'}, '_t')

    return ComparedRuns(
        'c',
        4,
        ('plain', 'soft'),
        {'soft': 'plain'},
        (run('plain', 1), run('plain', 0), run('soft', 0)),
        (TestSet('S', root / 'hr', root / 'lr', '{}x4'),),
        as_published={'soft': (run('plain', 1),)},
    )


def test_scores_are_basicsrs_of_each_image(compared):
    from basicsr.metrics import calculate_psnr, calculate_ssim

    measured = measure(compared)
    assert measured.seeds == (0, 1)
    assert measured.failed == ()
    assert {method: set(scores) for method, scores in measured.scores.items()} == {'plain': {0, 1}, 'soft': {0}}
    run = compared.of('plain')[0]
    assert measured.names('S') == ('one', 'two')
    sr, hr = measured.sr(run, 'S', 'one'), measured.hr('S', 'one')
    assert sr.shape == hr.shape == measured.bicubic_of('S', 'one').shape == (28, 40, 3)
    assert measured.scores['plain'][0]['S']['one'] == {
        'psnr_y': calculate_psnr(sr, hr, 4, test_y_channel=True),
        'ssim_y': calculate_ssim(sr, hr, 4, test_y_channel=True),
        'psnr_rgb': calculate_psnr(sr, hr, 4),
        'ssim_rgb': calculate_ssim(sr, hr, 4),
    }
    assert set(METRICS) == set(measured.bicubic['S']['two'])
    assert measured.scores['plain'][1]['S']['two']['psnr_y'] == np.inf
    assert measured.as_published == {'soft': {1: measured.scores['plain'][1]}}


def test_16_bit_images_are_measured_as_8_bit(compared, tmp_path):
    from dataclasses import replace

    folders = {'gt': compared.test_sets[0].gt, 'lq': compared.test_sets[0].lq}
    for part, folder in folders.items():
        (tmp_path / part).mkdir()
        for path in folder.iterdir():
            cv2.imwrite(str(tmp_path / part / path.name), cv2.imread(str(path)).astype(np.uint16) * 257)
    deep = replace(compared, test_sets=(TestSet('S', tmp_path / 'gt', tmp_path / 'lq', '{}x4'),))
    assert measure(deep).scores == measure(compared).scores


def test_a_run_without_an_image_is_named_and_leaves_the_others(compared):
    from dataclasses import replace

    broken = replace(compared.runs[2], images={'S': compared.runs[2].experiment / 'nowhere'})
    measured = measure(replace(compared, runs=(*compared.runs[:2], broken)))
    (failed,) = measured.failed
    assert (failed.method, failed.seed) == ('soft', 0)
    assert 'one_t.png' in failed.reason
    assert measured.scores['soft'] == {}
    assert set(measured.scores['plain']) == {0, 1}


def test_hr_images_without_lr_are_named(compared):
    from dataclasses import replace

    wrong = replace(compared.test_sets[0], lq_template='{}')
    with pytest.raises(DataError, match='S without an LR image') as error:
        measure(replace(compared, test_sets=(wrong,)))
    assert 'one, two' in str(error.value)


def test_what_is_too_small_for_a_metric_has_no_value():
    from bsr_plugins.analysis.image_scores import score_image

    image = np.full((18, 40, 3), 9, np.uint8)
    scores = score_image(image + 1, image, 4, 'x.png')
    assert np.isfinite(scores['psnr_y'])
    assert np.isnan(scores['ssim_y'])
    assert np.isnan(score_image(image, image, 9, 'x.png')['psnr_rgb'])
