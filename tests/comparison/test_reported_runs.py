"""`basicsr report` on folders of experiments: what they were trained with, which are one method, what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import cv2
import numpy as np
import pytest
import yaml

from bsr_plugins.cli.main import main
from bsr_plugins.common.errors import DataError
from bsr_plugins.comparison import reported_runs
from bsr_plugins.comparison.experiments import read_experiment
from bsr_plugins.comparison.reported_runs import plan_report


@pytest.fixture
def images(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder in ('HR', 'LR'):
        (tmp_path / folder).mkdir()
    for name in 'abcdef':
        hr = cv2.resize(rng.integers(0, 255, (10, 10, 3), np.uint8), (40, 40), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(tmp_path / 'HR' / f'{name}.png'), hr)
        cv2.imwrite(str(tmp_path / 'LR' / f'{name}x4.png'), cv2.resize(hr, (10, 10), interpolation=cv2.INTER_AREA))
    return tmp_path


def experiment(root: Path, name: str, weight: float = 1.0, seed: Any = 0, head: str = '', **more: Any) -> Path:
    folder = root / 'experiments' / name
    (folder / 'models').mkdir(parents=True)
    for weights in ('net_g_5', 'net_g_50', 'net_g_latest'):
        (folder / 'models' / f'{weights}.pth').write_bytes(b'x')
    val = {'name': 'S', 'type': 'PairedImageDataset', 'dataroot_gt': str(root / 'HR'), 'dataroot_lq': str(root / 'LR')}
    options = {
        'name': name,
        'scale': 4,
        'datasets': {'train': {}, 'val': {**val, 'filename_tmpl': '{}x4'}},
        'train': {'total_iter': 50, 'pixel_opt': {'loss_weight': weight}},
        **({} if seed is None else {'manual_seed': seed}),
        **more,
    }
    (folder / f'{name}.yml').write_text(head + yaml.safe_dump(options))
    return folder


def test_what_the_command_line_forced_is_read_too(tmp_path):
    head = (
        '# GENERATE TIME: now\n# CMD:\n# train.py -opt a.yml --force_yml manual_seed=7 train:total_iter=9 --debug\n\n'
    )
    read = read_experiment(experiment(tmp_path, 'a', head=head))
    assert (read.seed, read.options['train']['total_iter'], read.scale) == (7, 9, 4)


def test_a_seed_that_basicsr_drew_stands_in_the_log(tmp_path):
    folder = experiment(tmp_path, 'a', seed=None)
    assert read_experiment(folder).seed is None
    (folder / 'train_a_1.log').write_text('2026 INFO: \n  name: a\n  manual_seed: 4321\n')
    assert read_experiment(folder).seed == 4321


def test_weights(tmp_path):
    folder = experiment(tmp_path, 'a')
    assert read_experiment(folder).weights.name == 'net_g_latest.pth'
    assert read_experiment(folder, 5).weights.name == 'net_g_5.pth'
    with pytest.raises(DataError, match='no such weights') as error:
        read_experiment(folder, 6)
    assert 'iterations 5, 50' in str(error.value)
    (folder / 'models/net_g_latest.pth').unlink()
    assert read_experiment(folder).weights.name == 'net_g_50.pth'


def two_methods(root: Path) -> List[Path]:
    return [experiment(root, f'{name}_s{seed}', w, seed) for name, w in (('a', 1), ('b', 2)) for seed in (0, 1)]


def planned(*arguments: Any) -> Any:
    found, findings = plan_report(*arguments)
    assert findings == []
    return {name: [run.seed for run in group] for name, group in found.methods.items()}, found.twin


def test_experiments_that_differ_in_their_seed_are_one_method(images):
    folders = two_methods(images)
    methods = {'b': [0, 1], 'a': [0, 1]}
    assert planned(folders, [], []) == (methods, 'b')
    assert planned(folders[:2], folders[2:], []) == (methods, 'b')
    # two of one method are compared all the same: what a seed makes
    assert planned(folders[:2], [], []) == ({'a_s1': [1], 'a_s0': [0]}, 'a_s1')


def test_everything_wrong_is_said_at_once(images):
    whole = experiment(images, 'whole')
    empty = images / 'experiments/empty'
    empty.mkdir()
    found, findings = plan_report([images / 'absent', empty, whole], [], [])
    assert found is None
    assert [finding.problem for finding in findings] == [
        'There is no such experiment',
        'The experiment has no option file',
    ]
    other = experiment(images, 'other', seed=0)
    sets = [('A', images / 'no', images / 'none')]
    found, findings = plan_report([whole, other], [experiment(images, 'twin', 2)], sets)
    assert [finding.problem.split(' /')[0] for finding in findings] == [
        'Experiments of whole have one seed, 0',
        'no folder',
        'no folder',
    ]
    (finding,) = plan_report([whole, experiment(images, 'x3', scale=3)], [], [])[1]
    assert 'x4' in str(finding) and 'x3' in str(finding)


def test_twice_the_same_and_images_that_are_no_pairs(images):
    whole, bicubic = experiment(images, 'whole'), experiment(images, 'bicubic', 2)
    (finding,) = plan_report([whole], [whole.parent / '..' / 'experiments' / 'whole'], [])[1]
    assert finding.problem == 'The experiment is named twice'
    (images / 'same').mkdir()
    for name in 'ab':
        (images / 'same' / f'{name}.png').write_bytes((images / 'HR' / f'{name}.png').read_bytes())
    (images / 'swapped').mkdir()
    for name in 'abcdef':
        (images / 'swapped' / f'{name}.png').write_bytes((images / 'LR' / f'{name}x4.png').read_bytes())
    sets = [('same', images / 'same', images / 'same'), ('swapped', images / 'swapped', images / 'HR')]
    found, findings = plan_report([bicubic], [whole], sets)
    assert found is None and [finding.problem for finding in findings] == [
        'HR and LR images are the same files',
        'Image pairs do not fit scale 4',
    ]
    # bicubic stands in every report, as no method.
    assert list(plan_report([bicubic], [whole], [])[0].methods) == ['whole', f'{images.name}/bicubic']


@pytest.fixture
def tested(monkeypatch) -> List[Path]:
    """Tests that leave the originals with noise, more of it for a larger loss weight; one experiment fails."""
    calls: List[Path] = []

    def test_run(folder, test_sets, out, *, options, weights):
        calls.append(folder)
        if folder.name == 'c':
            raise DataError('The test has left an image out', where=out)
        rng = np.random.default_rng(options['manual_seed'])
        (out / 'S').mkdir(parents=True)
        for path in test_sets[0].gt.iterdir():
            hr = cv2.imread(str(path))
            noise = rng.normal(0, 4 * options['train']['pixel_opt']['loss_weight'], hr.shape)
            cv2.imwrite(str(out / 'S' / path.name), (hr + noise).clip(0, 255).round().astype(np.uint8))
        return {'S': out / 'S'}

    monkeypatch.setattr(reported_runs, 'test_run', test_run)
    monkeypatch.setattr('bsr_plugins.analysis.report.draw_figures', lambda measured, windows: [])
    return calls


def test_the_command(images, tested, capsys):
    folders = two_methods(images)
    out = images / 'out'
    assert main(['report', *map(str, folders), '--out', str(out)]) == 0
    assert len(tested) == 4
    said = capsys.readouterr().out
    assert 'S: a is better than b' in said
    assert str(out / 'report.html') in said
    assert (out / 'report.json').is_file()


def test_a_run_that_fails_leaves_the_others(images, tested, capsys):
    folders = [experiment(images, name, weight) for name, weight in (('c', 3), ('a', 1), ('b', 2))]
    sets = ['--test', 'S', str(images / 'HR'), str(images / 'LR')]
    assert main(['report', *map(str, folders), *sets, '--out', str(images / 'out')]) == 1
    said = capsys.readouterr().out
    assert 'S: a is better than b' in said
    assert 'has left an image out' in said
    assert '1 run did not end' in said


@pytest.mark.parametrize(
    ('arguments', 'message'), [(['one'], 'cannot be compared'), (['one', 'two'], 'no such experiment')]
)
def test_wrong_arguments(arguments, message, capsys):
    assert main(['report', *arguments]) == 2
    assert message in capsys.readouterr().err
