"""--auto_resume with the states elsewhere than under the working directory."""

from __future__ import annotations

import copy
import inspect
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List

import pytest

from bsr_plugins.common.errors import CheckpointError
from bsr_plugins.host.mends.auto_resume_folder import mend_auto_resume_folder, states_in


def options_of(root: Path, auto_resume: bool = True) -> Dict[str, Any]:
    return {
        'name': 'run',
        'auto_resume': auto_resume,
        'rank': 0,
        'network_g': {},
        'path': {'training_states': str(root / 'run' / 'training_states'), 'models': str(root / 'run' / 'models')},
    }


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
    (folder.parent / 'models').mkdir()
    for name in names:
        torch.save({'epoch': 1, 'iter': int(name), 'optimizers': [], 'schedulers': []}, folder / f'{name}.state')
        torch.save({'params': {'weight': torch.zeros(8)}}, folder.parent / 'models' / f'net_g_{name}.pth')
    return folder


def test_upstream_restarts_in_silence_and_the_mend_finds_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_cuda: None
) -> None:
    train = pytest.importorskip('basicsr.train')
    (tmp_path / 'work').mkdir()
    monkeypatch.chdir(tmp_path / 'work')
    folder = save_state(tmp_path / 'elsewhere' / 'run' / 'training_states', '500', '10000', '2000')
    opt = options_of(tmp_path / 'elsewhere')
    opt['path']['resume_state'] = None
    assert train.load_resume_state(copy.deepcopy(opt)) is None
    assert train.load_resume_state(mended_parse(opt))['iter'] == 10000
    assert opt['path']['resume_state'] == str(folder / '10000.state')


def test_a_pair_in_the_usual_folder_is_the_one_upstream_would_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = save_state(tmp_path / 'experiments' / 'run' / 'training_states', '4', '5')
    assert mended_parse(options_of(tmp_path / 'experiments'))['path']['resume_state'] == str(folder / '5.state')


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def replace_by_text(path: Path) -> None:
    path.write_text('garbage')


@pytest.mark.parametrize(
    ('damage', 'words'), [(cut, 'cut short'), (replace_by_text, 'not written by torch.save'), (Path.unlink, 'missing')]
)
@pytest.mark.parametrize('name', ['training_states/5.state', 'models/net_g_5.pth'])
def test_the_last_whole_pair_is_taken_and_the_others_are_said(
    tmp_path: Path, damage: Any, words: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: List[str] = []
    monkeypatch.setattr('bsr_plugins.host.mends.auto_resume_folder.log_with_first_line', said.append)
    folder = save_state(tmp_path / 'run' / 'training_states', '3', '4', '5')
    left = folder / '.6.99-0123abcd.partial.state'
    left.touch()
    os.utime(left, (0, 0))
    damage(folder.parent / name)
    opt = mended_parse(options_of(tmp_path))
    assert opt['path']['resume_state'] == str(folder / '4.state') and opt['auto_resume'] is False
    assert not left.exists()
    if (folder / '5.state').exists():
        assert len(said) == 1 and str(folder.parent / name) in said[0] and words in said[0]


def test_weights_without_a_state_start_again_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: List[str] = []
    monkeypatch.setattr('bsr_plugins.host.mends.auto_resume_folder.log_with_first_line', said.append)
    folder = save_state(tmp_path / 'run' / 'training_states', '5')
    (folder / '5.state').unlink()
    opt = mended_parse(options_of(tmp_path))
    assert opt['path'].get('resume_state') is None and opt['auto_resume'] is False
    assert said == [f'--auto_resume finds no training state in {folder}: the run starts at its beginning.']


def test_states_none_of_which_is_whole_do_not_restart_in_silence(tmp_path: Path) -> None:
    folder = save_state(tmp_path / 'run' / 'training_states', '4', '5')
    cut(folder / '5.state')
    cut(folder.parent / 'models' / 'net_g_4.pth')
    with pytest.raises(CheckpointError, match='no complete training state') as caught:
        mended_parse(options_of(tmp_path))
    assert '5.state: it is cut short' in str(caught.value) and 'net_g_4.pth: it is cut short' in str(caught.value)


def test_a_state_that_the_user_names_is_taken_or_refused(tmp_path: Path) -> None:
    folder = save_state(tmp_path / 'run' / 'training_states', '4', '5')
    opt = options_of(tmp_path, auto_resume=False)
    opt['path']['resume_state'] = str(folder / '5.state')
    assert mended_parse(copy.deepcopy(opt)) == opt
    cut(folder.parent / 'models' / 'net_g_5.pth')
    with pytest.raises(CheckpointError, match=r'cannot be resumed from') as caught:
        mended_parse(opt)
    assert 'net_g_5.pth' in str(caught.value) and '--auto_resume' in str(caught.value)


def test_nothing_changes_without_the_option(tmp_path: Path) -> None:
    folder = tmp_path / 'run' / 'training_states'
    folder.mkdir(parents=True)
    (folder / '5.state').touch()
    opt = options_of(tmp_path, False)
    assert mended_parse(copy.deepcopy(opt)) == opt


@pytest.mark.parametrize('exists', [True, False])
def test_without_a_state_the_run_starts_and_no_other_one_is_taken(
    tmp_path: Path, exists: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = pytest.importorskip('basicsr.train')
    save_state(tmp_path / 'work' / 'experiments' / 'run' / 'training_states', '7')
    monkeypatch.chdir(tmp_path / 'work')
    if exists:
        (tmp_path / 'elsewhere' / 'run' / 'training_states').mkdir(parents=True)
    opt = mended_parse(options_of(tmp_path / 'elsewhere'))
    assert train.load_resume_state(opt) is None and 'resume_state' not in opt['path']


@pytest.fixture
def broadcast(monkeypatch: pytest.MonkeyPatch) -> List[Any]:
    """Stand in for the process group: rank 0 leaves in the list what it sends, the others take it from there."""
    sent: List[Any] = []

    def broadcast_object_list(objects: List[Any], source: int) -> None:
        assert source == 0
        if sent:
            objects[:] = sent
        else:
            sent[:] = objects

    monkeypatch.setattr('torch.distributed.broadcast_object_list', broadcast_object_list)
    return sent


def in_rank(rank: int, root: Path) -> Dict[str, Any]:
    return mended_parse({**options_of(root), 'dist': True, 'rank': rank})


def test_rank_0_chooses_for_all(tmp_path: Path, broadcast: List[Any]) -> None:
    folder = save_state(tmp_path / 'run' / 'training_states', '4', '5')
    assert in_rank(0, tmp_path)['path']['resume_state'] == str(folder / '5.state')
    # A file that shows up late on another machine.
    (folder / '6.state').write_bytes((folder / '5.state').read_bytes())
    (folder.parent / 'models' / 'net_g_6.pth').write_bytes((folder.parent / 'models' / 'net_g_5.pth').read_bytes())
    opt = in_rank(1, tmp_path)
    assert opt['path']['resume_state'] == str(folder / '5.state') and opt['auto_resume'] is False


def test_a_pair_that_one_machine_alone_sees_is_refused(tmp_path: Path, broadcast: List[Any]) -> None:
    folder = save_state(tmp_path / 'run' / 'training_states', '5')
    in_rank(0, tmp_path)
    (folder / '5.state').unlink()
    with pytest.raises(CheckpointError, match='Rank 1 does not see the pair') as caught:
        in_rank(1, tmp_path)
    assert '5.state: it is missing' in str(caught.value) and 'path.experiments_root' in str(caught.value)


def test_what_stops_rank_0_stops_the_others(tmp_path: Path, broadcast: List[Any]) -> None:
    folder = save_state(tmp_path / 'run' / 'training_states', '5')
    cut(folder / '5.state')
    for rank in (0, 1):
        with pytest.raises(CheckpointError, match='no complete training state'):
            in_rank(rank, tmp_path)


def test_without_a_state_every_rank_starts(tmp_path: Path, broadcast: List[Any]) -> None:
    for rank in (0, 1):
        opt = in_rank(rank, tmp_path)
        assert 'resume_state' not in opt['path'] and opt['auto_resume'] is False


def test_options_of_a_test_run_pass(tmp_path: Path) -> None:
    assert mended_parse({'name': 'x', 'auto_resume': True, 'path': {}}) == {
        'name': 'x',
        'auto_resume': True,
        'path': {},
    }


def test_the_latest_state_is_the_greatest_number(tmp_path: Path) -> None:
    assert states_in(tmp_path / 'absent') == states_in(tmp_path) == []
    for name in ('9.state', '10.state', '11.ext.state', '12.state.partial', 'latest.state'):
        (tmp_path / name).touch()
    assert states_in(tmp_path) == [tmp_path / '10.state', tmp_path / '9.state']


def test_basicsr_itself_is_mended_and_keeps_its_signature() -> None:
    options = pytest.importorskip('basicsr.utils.options')
    assert options.parse_options.patched_by_bsr_plugins
    assert list(inspect.signature(options.parse_options).parameters) == ['root_path', 'is_train']
    assert pytest.importorskip('basicsr.train').parse_options is options.parse_options
