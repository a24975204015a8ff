"""``basicsr prepare``: what data sets compute at their first start, whole, in shards and under torchrun."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List

import cv2
import numpy as np
import pytest
import yaml

from bsr_plugins.cli.main import main
from bsr_plugins.common.commands import command
from bsr_plugins.data.images import result_cache

IMAGES = 5
PAIRS = {'dataroot_gt': 'HR', 'dataroot_lq': 'LR', 'io_backend': {'type': 'disk'}, 'gt_size': 32}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five pairs of images, and a cache folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(result_cache.FOLDER_VARIABLE, str(tmp_path / 'cache'))
    for folder, factor in (('LR', 1), ('HR', 2)):
        Path(folder).mkdir()
        for seed in range(IMAGES):
            image = np.random.default_rng(seed).integers(0, 256, (20, 24, 3)).astype(np.uint8)
            cv2.imwrite(f'{folder}/{seed}.png', image.repeat(factor, 0).repeat(factor, 1))
    return tmp_path


def written(**train: Any) -> List[str]:
    """Write an option file whose training set has these options; return the command."""
    datasets: Dict[str, Any] = {
        'train': {'name': 'x', **PAIRS, **train},
        'val': {'name': 'v', 'type': 'PairedImageDataset', **PAIRS},
    }
    Path('x.yml').write_text(yaml.safe_dump({'name': 'run', 'scale': 2, 'datasets': datasets}))
    return ['prepare', '-opt', 'x.yml']


def test_all_that_rfs_computes(capsys: pytest.CaptureFixture, project: Path) -> None:
    given = written(type='RFSBalancedBatchDataset', num_intervals=4)
    assert main(given) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f'RFS: largest PIC: {IMAGES} images, {IMAGES} computed in ') and first.endswith('.npz')
    assert second.startswith(f'RFS: PIC of all windows: {IMAGES} images, {IMAGES} computed in ')
    assert main(given) == 0
    assert [line.split(': ')[2] for line in capsys.readouterr().out.splitlines()] == ['5 images, already there'] * 2
    assert sorted(path.name for path in project.iterdir()) == ['HR', 'LR', 'cache', 'x.yml']
    assert main([*given, '--force_yml', 'datasets:train:num_intervals=8']) == 0
    assert '5 images, 5 computed' in capsys.readouterr().out


def test_the_data_set_starts_with_what_was_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    from bsr_plugins.data.sampling.pair_reader import PairedImages
    from bsr_plugins.data.sampling_aug_dataset import SamplingAugDataset

    assert main(written(type='SamplingAugDataset_bsrp')) == 0
    monkeypatch.setattr(PairedImages, 'read_lq', None)
    assert len(SamplingAugDataset({'name': 'x', 'type': 'y', 'phase': 'train', 'scale': 2, **PAIRS})) == IMAGES


def test_shards(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    given = written(type='SamplingAugDataset')
    assert main(given) == 0
    (whole,) = (project / 'cache').iterdir()
    expected = whole.read_bytes()
    whole.unlink()
    capsys.readouterr()
    assert main([*given, '--shard', '2/2']) == 0
    line, remedy = capsys.readouterr().out.splitlines()
    assert line.startswith(f'shard 2 of 2 of SamplingAug: informative positions ({whole}): 2 computed in ')
    assert line.endswith('not finished yet: 1. The last one to finish puts them together')
    assert remedy.endswith(command('prepare', '-opt', 'x.yml', '--shard', '1/2'))
    # What is not finished is finished by a process of torchrun as well.
    for name, value in {'RANK': '0', 'WORLD_SIZE': '2', 'LOCAL_RANK': '0'}.items():
        monkeypatch.setenv(name, value)
    assert main(given) == 0
    assert f'{IMAGES} images, 3 computed in ' in capsys.readouterr().out
    assert [path.read_bytes() for path in (project / 'cache').iterdir()] == [expected]


def test_the_table_of_bspas_inverse_half(capsys: pytest.CaptureFixture, project: Path) -> None:
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.difficulty.scoring import score_difficulty
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    made = create_subimage_lmdbs('HR', 'sub', 2, lr='LR', grid=WindowGrid(16, 8, 0), progress=False)
    score_difficulty(made.hr, made.lr, 2, bicubic_scorer(2), progress=False)
    inverse = {'type': 'InverseSampledLMDBDataset', 'dataroot_gt': str(made.hr), 'dataroot_lq': str(made.lr)}
    given = written(type='PairedImageDataset', inverse={**inverse, 'num_classes': 2})
    assert main(given) == 0
    line = capsys.readouterr().out
    assert line.startswith('table of difficulty classes: ') and ' computed in ' in line
    path = Path(line.strip().split(': ')[-1])
    os.utime(path, (1, 1))
    assert main([*given, '--shard', '2/2']) == 0
    assert 'already there' in capsys.readouterr().out


def test_nothing_to_compute_and_what_is_wrong(capsys: pytest.CaptureFixture) -> None:
    assert main(written(type='PairedImageDataset')) == 0
    assert capsys.readouterr().out == 'x.yml: its data sets compute nothing at their first start\n'
    assert main([*written(type='SamplingAugDataset'), '--shard', '3/2']) == 2
    assert 'A shard is i/n' in capsys.readouterr().err
    assert main(written(type='SamplingAugDataset', gt_size=31)) == 2
    assert 'gt_size is not a multiple of scale' in capsys.readouterr().err
    Path('LR/3.png').write_bytes(b'no image')
    assert main(written(type='SamplingAugDataset')) == 2
    assert 'LR/3.png' in capsys.readouterr().err


def test_a_type_that_is_another_packages(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    from basicsr.utils.registry import DATASET_REGISTRY

    assert main(written(type='PairedImageDataset')) == 0  # has registered the pack's own
    monkeypatch.setitem(DATASET_REGISTRY._obj_map, 'SamplingAugDataset', type('Another', (), {'__module__': 'fork'}))
    capsys.readouterr()
    assert main(written(type='SamplingAugDataset', keep=0.3)) == 0
    line = capsys.readouterr().out
    assert line.startswith('SamplingAugDataset is fork.Another here: nothing to compute (SamplingAugDataset_bsrp is')
