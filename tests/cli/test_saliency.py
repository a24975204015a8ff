"""``basicsr saliency``: what is typed, alone, as one of several shards, and under torchrun."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml

from bsr_plugins.cli.main import main
from bsr_plugins.common.commands import command

NETWORK = {'type': 'MSRResNet', 'num_feat': 2, 'num_block': 1, 'upscale': 2}
COMMAND = ['saliency', '-opt', 'test.yml', '--cam-steps', '1', '--cam-kernel', '3', '--device', 'cpu']


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three LR images, an option file and weights in the working directory."""
    from basicsr.archs.srresnet_arch import MSRResNet

    monkeypatch.chdir(tmp_path)
    (tmp_path / 'LR').mkdir()
    for seed in range(3):
        image = np.random.default_rng(seed).integers(0, 256, (6, 7 + seed, 3)).astype(np.uint8)
        cv2.imwrite(f'LR/{seed}.png', image)
    torch.manual_seed(0)
    torch.save({'params': MSRResNet(num_feat=2, num_block=1, upscale=2).state_dict()}, 'w.pth')
    Path('test.yml').write_text(
        yaml.safe_dump({'scale': 2, 'network_g': NETWORK, 'path': {'pretrain_network_g': 'w.pth'}})
    )
    return tmp_path


def test_a_folder(capsys: pytest.CaptureFixture) -> None:
    assert main([*COMMAND, '--lq', 'LR']) == 0
    assert capsys.readouterr().out.startswith('LR_saliency.lmdb: 3 maps, 3 made in')
    manifest = json.loads(Path('LR_saliency.lmdb/manifest.json').read_text())
    assert (manifest['cell'], manifest['cam']['cam_steps'], manifest['cam']['cam_pf']) == (4, 1, 0.25)
    assert main([*COMMAND, '--lq', 'LR']) == 0
    assert capsys.readouterr().out == 'LR_saliency.lmdb: 3 maps, already there\n'


def test_an_lmdb_and_every_option(capsys: pytest.CaptureFixture) -> None:
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    create_subimage_lmdbs('LR', 'sub', 2, grid=WindowGrid(6, 6, 0), progress=False)
    given = ['--cell', '1', '--cam-calibrate', 'false', '--cam-rule', 'right', '--cam-sigma', '2', '--batch', '50']
    assert main([*COMMAND, '--lq-lmdb', 'sub/LR_sub_x2.lmdb', '--out', 'maps.lmdb', *given]) == 0
    manifest = json.loads(Path('maps.lmdb/manifest.json').read_text())
    assert manifest['source']['layout'] == 'lmdb' and manifest['cell'] == 1
    assert {name: manifest['cam'][name] for name in ('cam_calibrate', 'cam_rule', 'cam_sigma')} == {
        'cam_calibrate': False,
        'cam_rule': 'right',
        'cam_sigma': 2,
    }


def test_shards(capsys: pytest.CaptureFixture) -> None:
    assert main([*COMMAND, '--lq', 'LR', '--shard', '1/2']) == 0
    said = capsys.readouterr().out
    assert 'shard 1 of 2 of LR_saliency.lmdb: 2 made' in said
    assert f'that no process is making: {command(*COMMAND)} --lq LR --shard 2/2\n' in said
    assert main([*COMMAND, '--lq', 'LR', '--shard', '2/2']) == 0
    assert capsys.readouterr().out.startswith('LR_saliency.lmdb: 3 maps, 1 made in')


def test_each_process_of_torchrun_is_a_shard(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('WORLD_SIZE', '2')
    for rank, words in (('1', 'shard 2 of 2'), ('0', '3 maps')):
        monkeypatch.setenv('RANK', rank)
        monkeypatch.setenv('LOCAL_RANK', rank)
        assert main([*COMMAND, '--lq', 'LR']) == 0
        shown = capsys.readouterr()
        assert words in shown.out and ('saliency maps' in shown.err) == (rank == '0')
    assert main([*COMMAND, '--lq', 'LR', '--shard', '1/2']) == 2
    assert 'each process is a shard' in capsys.readouterr().err


@pytest.mark.parametrize(
    'given, words',
    [
        (['--lq', 'LR', '--cam-steps', '0'], ['--cam-steps', 'whole number >= 1']),
        (['--lq', 'LR', '--cam-mask', 'grad'], ['--cam-mask', 'gradient or image']),
        (['--lq', 'LR', '--shard', '3/2'], ['--shard', 'i from 1 to n']),
        (['--lq', 'nothing'], ['no folder nothing']),
        (['--lq-lmdb', 'nothing'], ['no LMDB folder nothing']),
        (['--lq', 'LR', '--cell', '0'], ['--cell must be at least 1']),
    ],
)
def test_wrong_arguments(given: Any, words: Any, capsys: pytest.CaptureFixture) -> None:
    assert main([*COMMAND, *given]) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words)


def test_interrupted(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    from bsr_plugins.data.saliency import saliency_lmdb

    def interrupt(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(saliency_lmdb, 'cam_saliency', interrupt)
    assert main([*COMMAND, '--lq', 'LR']) == 130
    assert 'run the same command again to continue' in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ['LR', 'LR_saliency.lmdb.partial', 'test.yml', 'w.pth']
