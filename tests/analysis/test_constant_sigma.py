"""The constant sigma: where it is kept, what is measured, what is refused."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any, Dict

import cv2
import numpy as np
import pytest
import torch
import yaml

from bsr_plugins.analysis.constant_sigma import measure_constant_sigma
from bsr_plugins.common.errors import CheckpointError, DataError, OptionError
from bsr_plugins.models.constant_sigma import constant_sigma_path, read_constant_sigma


@pytest.fixture
def training(tmp_path: Path) -> Dict[str, Any]:
    """FSRCNN with weights of 0 and a bias of 0.2: its output is the image 51; the two HR images are 71 and 41."""
    from bsr_plugins.archs.fsrcnn_arch import FSRCNN

    for folder in ('HR', 'LR'):
        (tmp_path / folder).mkdir()
    for name, value, size in (('a', 71, 8), ('b', 41, 16)):
        cv2.imwrite(str(tmp_path / 'HR' / f'{name}.png'), np.full((size, 8, 3), value, np.uint8))
        cv2.imwrite(str(tmp_path / 'LR' / f'{name}.png'), np.zeros((size // 2, 4, 3), np.uint8))
    options = {
        'scale': 2,
        'network_g': {'type': 'FSRCNN', 'upscale': 2, 'd': 4, 's': 2, 'm': 1},
        'datasets': {
            'train': {
                'type': 'PairedImageDataset',
                'dataroot_gt': str(tmp_path / 'HR'),
                'dataroot_lq': str(tmp_path / 'LR'),
                'io_backend': {'type': 'disk'},
                'gt_size': 4,
                'use_hflip': True,
            }
        },
    }
    (tmp_path / 'x.yml').write_text(yaml.safe_dump(options))
    net = FSRCNN(upscale=2, d=4, s=2, m=1)
    state = {name: torch.zeros_like(value) for name, value in net.state_dict().items()}
    state[list(state)[-1]].fill_(0.2)
    torch.save({'params': state}, tmp_path / 'net_g_5.pth')
    return options


@pytest.mark.parametrize('layout', ['lmdb', 'images'])
def test_several_roots_and_stores(training: Dict[str, Any], tmp_path: Path, layout: str) -> None:
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    alone = measure_constant_sigma(tmp_path / 'x.yml', tmp_path / 'net_g_5.pth', device='cpu')
    where = (tmp_path / 'HR', tmp_path / 'set', 2, tmp_path / 'LR')
    made = create_subimage_lmdbs(*where, grid=WindowGrid(8, 8, 0), progress=False, layout=layout)
    train = training['datasets']['train']
    train.update(type='UniformWindowsDataset', dataroot_gt=[str(made.hr)] * 2, dataroot_lq=[str(made.lr)] * 2)
    del train['io_backend']
    (tmp_path / 'x.yml').write_text(yaml.safe_dump(training))
    twice = measure_constant_sigma(tmp_path / 'x.yml', tmp_path / 'net_g_5.pth', device='cpu')
    # Windows of 8 x 8 in the LMDB, of which the second image has two; whole images in the store.
    assert twice == {**alone, 'images': 2 * (3 if layout == 'lmdb' else 2)}


def test_all_elements_of_whole_images_count_alike(training: Dict[str, Any], tmp_path: Path) -> None:
    result = measure_constant_sigma(tmp_path / 'x.yml', tmp_path / 'net_g_5.pth', device='cpu')
    assert result['constant_sigma'] == pytest.approx((20 * 1 + 10 * 2) / 3 / 255)
    assert result['rmse'] == pytest.approx(((20**2 * 1 + 10**2 * 2) / 3) ** 0.5 / 255)
    assert result['images'] == 2
    path = constant_sigma_path(tmp_path / 'net_g_5.pth')
    assert path == tmp_path / 'net_g_5_constant_sigma.json' and json.loads(path.read_text()) == {'params': result}
    assert read_constant_sigma(tmp_path / 'net_g_5.pth') == result['constant_sigma']
    assert read_constant_sigma(tmp_path / 'net_g_5.pth', 'params_ema') is None
    assert read_constant_sigma(tmp_path / 'net_g_6.pth') is None


def test_the_command(training: Dict[str, Any], tmp_path: Path, repo: Path, capsys: pytest.CaptureFixture) -> None:
    spec = importlib.util.spec_from_file_location('measure', repo / 'tools' / 'measure_constant_sigma.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    arguments = ['-opt', str(tmp_path / 'x.yml'), '--device', 'cpu', '--weights']
    assert tool.main([*arguments, str(tmp_path / 'net_g_5.pth')]) == 0
    assert 'net_g_5_constant_sigma.json: E|y - mu| 0.052288' in capsys.readouterr().out
    assert tool.main([*arguments, str(tmp_path / 'net_g_7.pth')]) == 2
    assert 'the weights are missing' in capsys.readouterr().err


def test_refusals(training: Dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match='the weights are missing'):
        measure_constant_sigma(tmp_path / 'x.yml', tmp_path / 'other.pth')
    training['datasets']['train']['type'] = 'REDSDataset'
    (tmp_path / 'x.yml').write_text(yaml.safe_dump(training))
    with pytest.raises(OptionError, match='not of a training on image pairs') as caught:
        measure_constant_sigma(tmp_path / 'x.yml', tmp_path / 'net_g_5.pth')
    assert 'REDSDataset' in str(caught.value)


def test_a_damaged_record_is_said(tmp_path: Path) -> None:
    (tmp_path / 'net_g_5_constant_sigma.json').write_text('{"params": {')
    with pytest.raises(DataError, match='sigma -opt TRAINING.yml'):
        read_constant_sigma(tmp_path / 'net_g_5.pth')
