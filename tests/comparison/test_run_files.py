"""When a run is finished, is resumed, or was made by other options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.comparison.plan import PlannedRun
from bsr_plugins.comparison.run_files import RunFiles, check_unchanged, files_of
from bsr_plugins.options.option_file import read_option_file

OPTIONS = {
    'name': 'r',
    'model_type': 'SRModel',
    'datasets': {'train': {'dataroot_gt': 'HR'}, 'val': {'name': 'v'}},
    'path': {'pretrain_network_g': None},
    'train': {'total_iter': 4},
    'val': {'val_freq': 2},
    'logger': {'print_freq': 1},
}


@pytest.fixture
def files(tmp_path: Path) -> RunFiles:
    (tmp_path / 'HR').mkdir()
    return files_of(PlannedRun('r', 'm', 0, 4, OPTIONS), tmp_path / 'out', tmp_path / 'out', tmp_path)


def trained(files: RunFiles, *states: int) -> None:
    for folder, names in (
        ('models', ['net_g_latest.pth', *(f'net_g_{state}.pth' for state in states)]),
        ('training_states', [f'{state}.state' for state in states]),
    ):
        (files.experiment / folder).mkdir(parents=True)
        for name in names:
            (files.experiment / folder / name).write_bytes(b'x')


def with_train(files: RunFiles, **train) -> RunFiles:
    return replace(files, planned={**files.planned, 'train': train})


def test_the_option_file_has_absolute_paths_and_a_model_that_resumes_exactly(files: RunFiles, tmp_path: Path) -> None:
    files.prepare()
    written = read_option_file(files.option_file).options
    assert written['datasets']['train']['dataroot_gt'] == str(tmp_path / 'HR')
    assert written['model_type'] == 'RebalancedSRModel'
    assert files.changes() == {}


def test_a_finished_run_stays_finished_until_an_option_that_shapes_it_changes(files: RunFiles) -> None:
    files.prepare()
    trained(files, 2, 4)
    assert not files.is_finished
    files.complete(3.5)
    assert files.is_finished and files.seconds == 3.5
    assert not files.has_state and [path.name for path in (files.experiment / 'models').iterdir()] == [
        'net_g_latest.pth'
    ]
    logged = replace(files, planned={**files.planned, 'logger': {}, 'val': {'val_freq': 1}, 'num_gpu': 1})
    assert logged.is_finished and logged.changes() == {}
    changed = with_train(files, total_iter=5)
    assert not changed.is_finished and changed.changes() == {'train:total_iter': 4}
    with pytest.raises(OptionError, match='made by other options') as told:
        check_unchanged([files, changed], files.out)
    assert 'train:total_iter was 4' in str(told.value)
    files.weights.write_bytes(files.weights.read_bytes()[:-1])
    assert not files.is_finished and files.changes() == {}
    files.weights.unlink()
    assert not files.is_finished


def test_a_run_with_a_state_is_resumed_one_without_begins_anew(files: RunFiles) -> None:
    files.prepare()
    trained(files, 2)
    assert files.arguments[-1] == '--auto_resume'
    files.prepare()
    assert files.experiment.is_dir()
    (files.experiment / 'training_states' / '2.state').unlink()
    assert '--auto_resume' not in files.arguments
    files.prepare()
    assert not files.experiment.exists()


def test_an_unfinished_run_of_other_options_or_of_others_is_told(files: RunFiles) -> None:
    files.prepare()
    trained(files, 2)
    assert with_train(files, total_iter=5).changes() == {'train:total_iter': 4}
    files.option_file.unlink()
    assert 'its option file' in files.changes()
    files.forget()
    assert files.changes() == {}


def test_why_it_failed_is_kept_until_it_begins_again(files: RunFiles) -> None:
    assert files.failed_because is None
    files.fail('out of memory')
    assert files.failed_because == 'out of memory'
    files.prepare()
    assert files.failed_because is None
