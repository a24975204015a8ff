"""``basicsr report --augment``: batches of the training set as they are augmented, drawn, and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import cv2
import numpy as np
import pytest
import torch
import yaml

from bsr_plugins.analysis.augment_pictures import augmented_batches, draw_augmentation
from bsr_plugins.augments.augment import Batch
from bsr_plugins.augments.augments import build_augment
from bsr_plugins.cli.main import main
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.keyed_random import keyed_generator
from bsr_plugins.models.augmentation import AUGMENT_STREAM


@pytest.fixture
def options(tmp_path: Path) -> Dict[str, Any]:
    noise = np.random.default_rng(0)
    for folder, side in (('HR', 24), ('LR', 12)):
        (tmp_path / folder).mkdir()
        for name in 'abcd':
            cv2.imwrite(str(tmp_path / folder / f'{name}.png'), noise.integers(0, 256, (side, side, 3), np.uint8))
    return {
        'name': 'x',
        'model_type': 'BSPAModel',
        'scale': 2,
        'manual_seed': 5,
        'datasets': {
            'train': {
                'name': 'train',
                'type': 'PairedImageDataset',
                'dataroot_gt': str(tmp_path / 'HR'),
                'dataroot_lq': str(tmp_path / 'LR'),
                'io_backend': {'type': 'disk'},
                'gt_size': 16,
                'use_hflip': True,
                'use_rot': True,
                'batch_size_per_gpu': 3,
            }
        },
        'network_g': {'type': 'FSRCNN', 'upscale': 2, 'd': 4, 's': 3, 'm': 1},
        'train': {'augment': {'type': 'ADDPlus', 'prob': 0.7}},
    }


def written(options: Dict[str, Any], folder: Path) -> Path:
    path = folder / 'x.yml'
    path.write_text(yaml.safe_dump(options))
    return path


@pytest.mark.parametrize(
    'augment',
    [{'type': 'ADDPlus'}, {'type': 'ADD', 'canvas': 'self'}, {'type': 'CutBlur'}, {'type': 'Cutout', 'alpha': 0.3}],
)
def test_the_batches_are_those_of_a_training(options: Dict[str, Any], tmp_path: Path, augment: Any) -> None:
    options['train']['augment'] = augment
    name, degree, batches = augmented_batches(written(options, tmp_path), 3)
    assert name == augment['type']
    assert degree.startswith('experimental' if 'ADD' in name else 'adapted')
    made = list(batches)
    assert [each.number for each in made] == [1, 2, 3]
    for each in made:
        rng = keyed_generator(5, AUGMENT_STREAM, each.number)
        expected = build_augment(augment, 2)(Batch(each.lq, each.gt), rng)
        assert torch.equal(each.result.lq, expected.lq) and torch.equal(each.result.gt, expected.gt)
    assert not torch.equal(made[0].lq, made[1].lq)
    again = list(augmented_batches(tmp_path / 'x.yml', 3)[2])
    assert all(torch.equal(one.gt, other.gt) for one, other in zip(made, again))


def test_the_command_writes_a_page_and_a_picture_of_each_batch(
    options: Dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip('matplotlib')
    monkeypatch.chdir(tmp_path)
    written(options, tmp_path)
    assert main(['report', '--augment', 'x.yml', '--batches', '1']) == 0
    folder = Path('results/augment_x')
    assert capsys.readouterr().out.strip() == str(folder / 'augment.html')
    assert sorted(path.name for path in folder.iterdir()) == ['augment.html', 'augment_1.png']
    assert min(cv2.imread(str(folder / 'augment_1.png')).shape[:2]) > 300
    page = (folder / 'augment.html').read_text()
    assert 'Certainty: experimental' in page and page.count('data:image/png') == 1


def test_what_cannot_be_drawn_is_refused(options: Dict[str, Any], tmp_path: Path) -> None:
    options['datasets']['train']['batch_size_per_gpu'] = 5
    with pytest.raises(DataError, match=r'(?s)fewer samples than a batch.*raise dataset_enlarge_ratio'):
        draw_augmentation(written(options, tmp_path), tmp_path, 1)
    options['datasets']['train']['dataset_enlarge_ratio'] = 3
    assert len(next(augmented_batches(written(options, tmp_path), 1)[2]).lq) == 5
    options['train'].pop('augment')
    with pytest.raises(OptionError, match=r'train\.augment'):
        draw_augmentation(written(options, tmp_path), tmp_path, 1)


@pytest.mark.parametrize('more', [['run'], ['--pictures', 'norms'], ['--iter', '3'], ['--batches', '0']])
def test_arguments_that_would_do_nothing_are_refused(more: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['report', '--augment', 'x.yml', *more]) == 2
    assert main(['report', 'a', 'b', '--batches', '3']) == 2
    assert 'leave out --batches' in capsys.readouterr().err + capsys.readouterr().out


@pytest.mark.parametrize(
    ('path', 'value', 'word'),
    [
        (('datasets', 'train', 'batch_size_per_gpu'), '2', 'batch_size_per_gpu'),
        (('datasets', 'train', 'batch_size_per_gpu'), 0, 'batch_size_per_gpu'),
        (('datasets', 'train', 'dataset_enlarge_ratio'), 'auto', 'dataset_enlarge_ratio'),
        (('manual_seed',), 'x', 'manual_seed'),
        (('train',), [1], 'train.augment'),
        (('datasets',), [1], 'datasets.train'),
    ],
)
def test_wrong_values_are_named(options: Dict[str, Any], tmp_path: Path, path: Any, value: Any, word: str) -> None:
    section = options
    for name in path[:-1]:
        section = section[name]
    section[path[-1]] = value
    with pytest.raises(OptionError, match=word):
        augmented_batches(written(options, tmp_path), 1)
