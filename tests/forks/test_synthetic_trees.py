"""Each generation of forks, through its own unchanged script: the pack's data set, losses and model over its own."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
import torch

from fork_trees import KINDS, options_for, run_in, write_data, write_tree

EMBEDDED = [kind for kind in KINDS if kind != 'dependent']
SCALE = 2


@pytest.fixture(scope='session', autouse=True)
def installed_basicsr() -> None:
    """A second basicsr is on the path of every run, as it is on many a machine."""
    if importlib.util.find_spec('basicsr') is None:
        pytest.skip('no basicsr is installed')


@pytest.fixture(scope='session')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp('tree_data') / 'data', SCALE)


def script_of(kind: str) -> str:
    return 'own/train.py' if kind == 'dependent' else 'basicsr/train.py'


def loss_names(output: str) -> List[str]:
    return sorted(set(re.findall(r'\bl_\w+', output)))


def witnesses(path: Path) -> List[Dict[str, str]]:
    return [dict(zip(('pid', 'parent', 'file'), line.split())) for line in path.read_text().splitlines()]


@pytest.mark.parametrize('kind', KINDS)
def test_the_trees_own_script_trains_with_the_pack(kind: str, data: Path, tmp_path: Path) -> None:
    root = write_tree(kind, tmp_path / 'tree')
    before = {path: path.read_bytes() for path in root.rglob('*.py')}
    options = options_for(kind, data)
    # One of them as from a shell: the mends are in place before torch is imported there.
    witness = str(tmp_path / 'witness')
    done = run_in(root, 'train', '-opt', 'run.yml', options=options, fresh=kind == 'registry', FORK_WITNESS=witness)
    assert done.returncode == 0, done.stdout
    assert f'This is {root / script_of(kind)}' in done.stdout
    base = options.get('base_model_type', 'SRModel')
    assert f'Model [Rebalanced{base}] is created' in done.stdout and 'End of training' in done.stdout
    assert 'Augmentation: MoA, adapted to networks that upscale' in done.stdout
    losses = {'explicit': ['l_fft']}.get(kind, []) + ['l_hybrid', 'l_pix']
    assert loss_names(done.stdout) == losses
    assert 'Validation val' in done.stdout and 'psnr' in done.stdout
    if 'base_model_type' in options:
        assert f'test of {base}' in done.stdout
    if kind != 'dependent':
        # The script, and the workers of the data set, meet the tree's modules and not the installed ones.
        assert f"with ['{root / 'basicsr'}']" in done.stdout
        assert {seen['file'] for seen in witnesses(tmp_path / 'witness')} == {
            str(root / 'basicsr' / 'data' / 'transforms.py')
        }
    run = root / 'experiments' / 'run'
    weights = torch.load(run / 'models' / 'net_g_6.pth', weights_only=True)['params']
    assert sorted(weights) == ['body.bias', 'body.weight', 'up.0.bias', 'up.0.weight']
    assert not torch.equal(
        weights['body.weight'], torch.load(run / 'models' / 'net_g_3.pth', weights_only=True)['params']['body.weight']
    )
    assert 'bsr_plugins' in torch.load(run / 'training_states' / '6.state', weights_only=True)
    assert {path: path.read_bytes() for path in root.rglob('*.py')} == before


@pytest.mark.parametrize('base', ['TreeModel', None])
def test_a_fork_that_has_dropped_srmodel(base: Optional[str], data: Path, tmp_path: Path) -> None:
    root = write_tree('registry', tmp_path / 'tree')
    stock = root / 'basicsr' / 'models' / 'sr_model.py'
    (stock.parent / 'tree_model.py').write_text(stock.read_text().replace('SRModel', 'TreeModel'))
    stock.unlink()
    options = options_for('registry', data)
    if base:
        options['base_model_type'] = base
    done = run_in(root, 'train', '-opt', 'run.yml', options=options)
    if base:
        assert done.returncode == 0, done.stdout
        assert 'Model [RebalancedTreeModel] is created' in done.stdout and 'psnr' in done.stdout
    else:
        assert done.returncode == 2 and 'has no SRModel to stand on' in done.stdout
        assert 'where:    base_model_type\n  expected: TreeModel\n' in done.stdout


@pytest.mark.parametrize('kind', [pytest.param('registry', marks=pytest.mark.slow), 'legacy'])
def test_a_run_is_resumed_as_the_script_does_it(kind: str, data: Path, tmp_path: Path) -> None:
    options = options_for(kind, data)
    del options['datasets']['val']
    whole, cut = (write_tree(kind, tmp_path / name) for name in ('whole', 'cut'))
    assert run_in(whole, 'train', '-opt', 'run.yml', options=options).returncode == 0
    options['train']['total_iter'] = 3
    assert run_in(cut, 'train', '-opt', 'run.yml', options=options).returncode == 0
    options['train']['total_iter'] = 6
    states = cut / 'experiments' / 'run' / 'training_states'
    if kind == 'legacy':
        # What a kill while saving leaves behind: the script alone would stop at either.
        (states / '4.state.partial').write_bytes(b'')
        (states / '4.state').write_bytes((states / '3.state').read_bytes()[:500])
    done = run_in(cut, 'train', '-opt', 'run.yml', '--auto_resume', options=options)
    assert done.returncode == 0, done.stdout
    assert 'Resuming training from iter 3' in done.stdout
    # What a training pass of the fork's own keeps, the pack cannot know.
    model = {'registry': 'SRModel', 'legacy': 'ImageRestorationModel'}[kind]
    assert (
        f'what the training pass of {model} keeps' in done.stdout
        and 'continue as in the uninterrupted run' in done.stdout
    )
    if kind == 'legacy':
        assert 'resumes from the newest state by itself, without --auto_resume' in done.stdout
        assert '4.state is skipped: it is cut short' in done.stdout
    name = 'experiments/run/models/net_g_6.pth'
    expected, found = (torch.load(root / name, weights_only=True)['params'] for root in (whole, cut))
    assert all(torch.equal(expected[key], found[key]) for key in expected)


@pytest.mark.parametrize('kind', ['legacy', 'namespace'])
def test_a_stop_saves_what_the_script_needs_to_go_on(kind: str, data: Path, tmp_path: Path) -> None:
    root = write_tree(kind, tmp_path / 'tree')
    script = root / 'basicsr' / 'train.py'
    text = script.read_text()
    step = '            train_on(model, train_data, opt, current_iter)\n'
    assert step in text
    stop = '            if current_iter == 2:\n                os.kill(os.getpid(), 15)\n'
    script.write_text(text.replace(step, step + stop))
    options = options_for(kind, data)
    del options['datasets']['val']
    done = run_in(root, 'train', '-opt', 'run.yml', options=options)
    assert done.returncode == 143, done.stdout
    assert 'stopped by SIGTERM; weights and state are saved' in done.stdout and 'Traceback' not in done.stdout
    script.write_text(text)
    done = run_in(root, 'train', '-opt', 'run.yml', '--auto_resume', options=options)
    assert done.returncode == 0, done.stdout
    said = {'legacy': 'Resuming training from iter 2', 'namespace': 'from iter 2, the best one is 2'}[kind]
    assert said in done.stdout and 'End of training' in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize('kind', EMBEDDED)
def test_two_processes_with_spawned_workers_meet_the_tree_alone(kind: str, data: Path, tmp_path: Path) -> None:
    root = write_tree(kind, tmp_path / 'tree')
    done = run_in(
        root,
        'train',
        '-opt',
        'run.yml',
        '--launcher',
        'pytorch',
        options=options_for(kind, data),
        processes=2,
        FORK_WITNESS=str(tmp_path / 'witness'),
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(f"with ['{root / 'basicsr'}']") == 2 and 'End of training' in done.stdout
    assert 'Validation' in done.stdout and 'l_hybrid' in done.stdout
    seen = witnesses(tmp_path / 'witness')
    assert {each['file'] for each in seen} == {str(root / 'basicsr' / 'data' / 'transforms.py')}
    assert len({each['pid'] for each in seen}) > 2, 'workers of their own read the data'
    state = torch.load(root / 'experiments' / 'run' / 'training_states' / '6.state', weights_only=True)
    assert len(state['bsr_plugins']['random_states']) == 2


def test_bspa_over_a_script_that_cuts_its_batches(data: Path, tmp_path: Path) -> None:
    root = write_tree('namespace', tmp_path / 'tree')
    options = options_for('namespace', data)
    train = options['datasets']['train']
    train['inverse'] = {**train, 'sampling': 'inverse'}
    train.update(sampling='uniform', mini_batch_sizes=[1])
    options['model_type'] = 'BSPAModel'
    options['train'].update(total_iter=7, bspa={'interval_iter': 3, 'inverse_iter': 2, 'ig_steps': 1, 'ig_batches': 1})
    done = run_in(root, 'train', '--opt', 'run.yml', options=options)
    assert done.returncode == 0, done.stdout
    assert 'those of inverse stages are decoded before they are dropped' in done.stdout
    assert 'BSPA round 1' in done.stdout and 'Model [BSPAModel] is created' in done.stdout


@pytest.mark.parametrize(
    'keys, value, message',
    [
        (('val', 'sigma'), True, 'passes its metrics only two images'),
        (
            ('train', 'accumulate'),
            2,
            'needs to change the training pass, which ImageRestorationModel replaces by its own',
        ),
    ],
    ids=['sigma maps', 'accumulation'],
)
def test_what_cannot_work_in_releases_before_registries_is_said(
    data: Path, tmp_path: Path, keys: Any, value: Any, message: str
) -> None:
    root = write_tree('legacy', tmp_path / 'tree')
    options = options_for('legacy', data)
    options[keys[0]][keys[1]] = value
    options['network_sigma'] = {'type': 'SigmaBranch', 'num_feat': 4, 'num_conv': 1}
    options['train']['sigma_opt'] = {'type': 'SigmaLoss'}
    # MoA has Cutout in it, which is refused beside a sigma branch before anything else.
    del options['train']['augment']
    done = run_in(root, 'train', '-opt', 'run.yml', options=options)
    assert done.returncode == 2 and 'basicsr train: error: ' in done.stdout
    assert message in done.stdout and f'where:    {".".join(keys)}' in done.stdout


@pytest.mark.parametrize('kind', ['registry', 'namespace'])
@pytest.mark.parametrize('typo', ['dataset', 'network', 'loss', 'model'])
def test_names_are_checked_against_the_tree(kind: str, typo: str, data: Path, tmp_path: Path) -> None:
    root = write_tree(kind, tmp_path / 'tree')
    options = options_for(kind, data)
    place: Any = {
        'dataset': options['datasets']['val'],
        'network': options['network_g'],
        'loss': options['train']['pixel_opt'],
        'model': options,
    }[typo]
    key = 'model_type' if typo == 'model' else 'type'
    place[key] = {'dataset': 'TreeDatset', 'network': 'TreNet', 'loss': 'L1Los', 'model': 'RebalancedModel'}[typo]
    done = run_in(root, 'train', '-opt', 'run.yml', options=options)
    assert done.returncode == 2 and 'This is' not in done.stdout
    right = {'dataset': 'TreeDataset', 'network': 'TreeNet', 'loss': 'L1Loss', 'model': 'RebalancedSRModel'}[typo]
    assert f"did you mean '{right}'?" in done.stdout


@pytest.mark.parametrize('kind', KINDS)
def test_the_check_finds_nothing_wrong_with_a_run_that_works(kind: str, data: Path, tmp_path: Path) -> None:
    import yaml

    from bsr_plugins.checks.option_checks import check_options
    from bsr_plugins.common.findings import errors_in
    from bsr_plugins.options.option_file import read_option_file

    root = write_tree(kind, tmp_path / 'tree')
    (root / 'run.yml').write_text(yaml.safe_dump(options_for(kind, data)))
    findings = check_options(read_option_file(root / 'run.yml'), root, True)
    assert [str(finding) for finding in errors_in(findings)] == []
    assert not [finding for finding in findings if 'belongs to a package' in finding.problem]
