"""--auto_resume with the states elsewhere than under the working directory."""
from __future__ import annotations

import copy
import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict

import pytest

from bsr_plugins.upstream.auto_resume_folder import latest_state, mend_auto_resume_folder


def options_of(root: Path, auto_resume: bool = True) -> Dict[str, Any]:
    return {'name': 'run', 'auto_resume': auto_resume, 'rank': 0,
            'path': {'training_states': str(root / 'run' / 'training_states'), 'models': str(root / 'run' / 'models')}}


def mended_parse(opt: Dict[str, Any]) -> Dict[str, Any]:
    module = SimpleNamespace(parse_options=lambda root_path, is_train=True: (opt, 'args'))
    assert mend_auto_resume_folder(module) is True
    assert mend_auto_resume_folder(module) is False
    parsed, arguments = module.parse_options('root', is_train=True)
    assert arguments == 'args' and parsed is opt
    return parsed


def save_state(folder: Path, *names: str) -> Path:
    import torch
    folder.mkdir(parents=True)
    for name in names:
        torch.save({'epoch': 1, 'iter': int(name), 'optimizers': [], 'schedulers': []}, folder / f'{name}.state')
    return folder


def test_upstream_restarts_in_silence_and_the_mend_finds_the_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                    no_cuda: None) -> None:
    train = pytest.importorskip('basicsr.train')
    (tmp_path / 'work').mkdir()
    monkeypatch.chdir(tmp_path / 'work')
    folder = save_state(tmp_path / 'elsewhere' / 'run' / 'training_states', '500', '10000', '2000')
    opt = options_of(tmp_path / 'elsewhere')
    opt['path']['resume_state'] = None
    assert train.load_resume_state(copy.deepcopy(opt)) is None
    assert train.load_resume_state(mended_parse(opt))['iter'] == 10000
    assert opt['path']['resume_state'] == str(folder / '10000.state')


def test_the_usual_folder_is_left_to_upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'experiments' / 'run' / 'training_states'
    folder.mkdir(parents=True)
    (folder / '5.state').touch()
    opt = options_of(tmp_path / 'experiments')
    assert mended_parse(copy.deepcopy(opt)) == opt


@pytest.mark.parametrize('auto_resume', [True, False])
def test_nothing_changes_without_a_state_or_without_the_option(tmp_path: Path, auto_resume: bool) -> None:
    folder = tmp_path / 'run' / 'training_states'
    folder.mkdir(parents=True)
    if not auto_resume:
        (folder / '5.state').touch()
    opt = options_of(tmp_path, auto_resume)
    assert mended_parse(copy.deepcopy(opt)) == opt


def test_options_of_a_test_run_pass(tmp_path: Path) -> None:
    assert mended_parse({'name': 'x', 'auto_resume': True, 'path': {}}) == {'name': 'x', 'auto_resume': True,
                                                                            'path': {}}


def test_the_latest_state_is_the_greatest_number(tmp_path: Path) -> None:
    assert latest_state(tmp_path / 'absent') is None
    assert latest_state(tmp_path) is None
    for name in ('9.state', '10.state', '11.ext.state', '12.state.partial', 'latest.state'):
        (tmp_path / name).touch()
    assert latest_state(tmp_path) == tmp_path / '10.state'


def test_basicsr_itself_is_mended_and_keeps_its_signature() -> None:
    options = pytest.importorskip('basicsr.utils.options')
    assert options.parse_options.mended_by_bsr_plugins
    assert list(inspect.signature(options.parse_options).parameters) == ['root_path', 'is_train']
    assert pytest.importorskip('basicsr.train').parse_options is options.parse_options
