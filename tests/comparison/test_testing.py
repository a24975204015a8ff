"""The test option file made from an experiment's own, and when a test is run again."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from bsr_plugins.analysis.compared_runs import TestSet
from bsr_plugins.common.errors import DataError
from bsr_plugins.comparison.testing import RECORD, planned_test

OPTIONS = {
    'name': 'run',
    'model_type': 'BSPAModel',
    'scale': 4,
    'num_gpu': 0,
    'datasets': {'train': {'dataroot_gt': 'HR'}},
    'network_g': {'type': 'EDSR'},
    'network_sigma': {'type': 'SigmaBranch'},
    'path': {'resume_state': None},
    'train': {'ema_decay': 0.9},
    'val': {'val_freq': 5, 'window': 8, 'save_img': False},
    'logger': {},
}


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'experiments' / 'run'
    (folder / 'models').mkdir(parents=True)
    (folder / 'models' / 'net_g_latest.pth').write_bytes(b'weights')
    (folder / 'run.yml').write_text('# GENERATE TIME\n\n' + yaml.safe_dump(OPTIONS))
    return folder


@pytest.fixture
def test_set(tmp_path: Path) -> TestSet:
    for part, name, side in (('HR', 'a', 16), ('LR', 'ax4', 4)):
        (tmp_path / part).mkdir()
        cv2.imwrite(str(tmp_path / part / f'{name}.png'), np.zeros((side, side, 3), np.uint8))
    return TestSet('set', tmp_path / 'HR', tmp_path / 'LR', '{}x4')


def test_the_file_tests_the_trained_network_alone(experiment: Path, test_set: TestSet, tmp_path: Path) -> None:
    planned = planned_test(experiment, [test_set], tmp_path / 'out')
    assert planned is not None
    made = yaml.safe_load(planned.option_file.read_text())
    assert made['model_type'] == 'BSPAModel' and made['network_g'] == {'type': 'EDSR'}
    assert {'train', 'network_sigma', 'logger'}.isdisjoint(made)
    assert made['path']['pretrain_network_g'] == str(experiment / 'models' / 'net_g_latest.pth')
    assert made['path']['param_key_g'] == 'params_ema'
    assert made['val']['window'] == 8 and made['val']['save_img'] is True
    assert made['datasets']['test_1']['filename_tmpl'] == '{}x4'


def test_images_get_the_names_of_the_hr_images_and_are_kept(
    experiment: Path, test_set: TestSet, tmp_path: Path
) -> None:
    out = tmp_path / 'out'
    planned = planned_test(experiment, [test_set], out)
    assert planned is not None
    planned.prepare()
    made = planned.home / 'results' / planned.option_file.stem / 'visualization' / 'set'
    made.mkdir(parents=True)
    with pytest.raises(DataError, match='left an image out'):
        planned.collect()
    (made / 'ax4_sr.png').write_bytes(b'image')
    assert planned.collect() == {'set': out / 'set'}
    assert (out / 'set' / 'a.png').read_bytes() == b'image'
    assert json.loads((out / RECORD).read_text())['images'] == {'set': ['a']}
    assert planned_test(experiment, [test_set], out) is None

    lr = tmp_path / 'LR' / 'ax4.png'
    before = lr.read_bytes()
    cv2.imwrite(str(lr), np.ones((4, 4, 3), np.uint8))
    assert planned_test(experiment, [test_set], out) is not None
    lr.write_bytes(before)
    assert planned_test(experiment, [test_set], out) is None
    (experiment / 'models' / 'net_g_latest.pth').write_bytes(b'other weights')
    assert planned_test(experiment, [test_set], out) is not None


def test_a_run_without_weights_is_told(experiment: Path, test_set: TestSet, tmp_path: Path) -> None:
    (experiment / 'models' / 'net_g_latest.pth').unlink()
    with pytest.raises(DataError, match='no weights'):
        planned_test(experiment, [test_set], tmp_path / 'out')
