"""A run holds the folder of its name; names that lead out of their folder are refused."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, Iterator, List

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.host.mends import one_run_a_name
from bsr_plugins.host.mends.one_run_a_name import claim, mend_one_run_a_name, mend_one_run_a_name_before_1_3

pytest.importorskip('fcntl')


def options_of(root: Path, is_train: bool = True, **more: Any) -> Dict[str, Any]:
    key, folder = ('experiments_root', 'experiments') if is_train else ('results_root', 'results')
    return {'name': 'run', 'is_train': is_train, 'rank': 0, 'path': {key: str(root / folder / 'run')}, **more}


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(one_run_a_name, '_held', None)
    yield
    if one_run_a_name._held is not None:
        one_run_a_name._held.release()


def claimed_by_another(opt: Dict[str, Any]) -> bool:
    """Tell whether a process of its own is refused."""
    pid = os.fork()
    if pid == 0:
        code = 1
        one_run_a_name._held = None
        try:
            claim(opt)
            code = 0
        except OptionError as error:
            code = 3 if 'is at work' in str(error) and str(os.getppid()) in str(error) else 4
        finally:
            os._exit(code)
    code = os.WEXITSTATUS(os.waitpid(pid, 0)[1])
    assert code in (0, 3)
    return code == 3


@pytest.mark.parametrize('is_train', [True, False])
def test_the_second_run_is_refused_and_told_who_is_at_work(tmp_path: Path, is_train: bool) -> None:
    opt = options_of(tmp_path, is_train)
    claim(opt)
    claim(opt)
    assert claimed_by_another(opt)
    assert not claimed_by_another(options_of(tmp_path, not is_train))
    other = options_of(tmp_path, is_train)
    other['path'] = {key: value + '2' for key, value in other['path'].items()}
    claim(other)
    assert not claimed_by_another(opt), 'a process runs one thing at a time'
    assert claimed_by_another(other)


def test_archiving_the_folder_leaves_the_lock_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    misc = pytest.importorskip('basicsr.utils.misc')
    opt = options_of(tmp_path)
    claim(opt)
    misc.mkdir_and_rename(opt['path']['experiments_root'])
    misc.mkdir_and_rename(opt['path']['experiments_root'])
    assert claimed_by_another(opt)


def test_parse_options_claims_what_it_returns(tmp_path: Path) -> None:
    opt = options_of(tmp_path)
    module = SimpleNamespace(parse_options=lambda root, is_train=True: (opt, 'args'))
    assert mend_one_run_a_name(module) and not mend_one_run_a_name(module)
    assert module.parse_options('root') == (opt, 'args')
    assert claimed_by_another(opt)


def test_forks_of_older_releases_claim_before_they_archive_or_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    for name in ('make_exp_dirs', 'check_resume'):
        module = SimpleNamespace(**{name: lambda opt, *more: claimed_by_another(opt)})
        assert mend_one_run_a_name_before_1_3(module)
        assert getattr(module, name)(options_of(tmp_path / name), 4)


@pytest.mark.parametrize('rank', [0, 1])
def test_rank_0_holds_for_all(tmp_path: Path, rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: List[Any] = []
    monkeypatch.setattr('torch.distributed.broadcast_object_list', lambda values, source: sent.append(list(values)))
    claim(options_of(tmp_path, dist=True, rank=rank))
    assert sent == [[None]] and (one_run_a_name._held is not None) == (rank == 0)


def test_what_stops_rank_0_stops_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broadcast(values: List[Any], source: int) -> None:
        values[0] = OptionError('taken')

    monkeypatch.setattr('torch.distributed.broadcast_object_list', broadcast)
    with pytest.raises(OptionError, match='taken'):
        claim(options_of(tmp_path, dist=True, rank=1))


@pytest.mark.parametrize(
    'name', ['../../x', 'a/b', '/a', '..', '.', '', ' ', 'a\nb', 'a\x1b[1m', 'a\\b', 'a\0', 'x' * 201, 5, None, ['a']]
)
def test_names_that_are_none_for_a_folder_are_refused(tmp_path: Path, name: Any) -> None:
    with pytest.raises(OptionError, match='is none for a folder'):
        claim(options_of(tmp_path, name=name))


@pytest.mark.parametrize('name', ['x', 'a b', '.hidden', 'ä-Ω_1.2', '..x', 'a:b', 'x' * 200])
def test_other_names_are_taken(tmp_path: Path, name: str) -> None:
    claim(options_of(tmp_path, name=name))


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / 'experiments').write_text('')
    with pytest.raises(OptionError, match='cannot be written'):
        claim(options_of(tmp_path))
