"""Weights and states: whole on disk or not there, and damaged ones are known as such."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path
from typing import Any, Dict, List

import pytest

from bsr_plugins.common import files
from bsr_plugins.common.errors import CheckpointError
from bsr_plugins.runs import checkpoint_files
from bsr_plugins.runs.checkpoint_files import remove_leftovers, save_whole, weights_of, what_is_wrong, what_pair_lacks

torch = pytest.importorskip('torch')


@pytest.fixture
def small_files() -> Any:
    """Let no file grow beyond 64 KiB: a write fails midway, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def saved(path: Path, value: float = 1.0, **options: Any) -> Path:
    torch.save({'params': {'weight': torch.full((64, 64), value)}}, path, **options)
    return path


def options_of(root: Path, **networks: Any) -> Dict[str, Any]:
    (root / 'models').mkdir(exist_ok=True)
    return {'network_g': {}, **networks, 'path': {'models': str(root / 'models')}}


def test_a_write_that_fails_midway_keeps_the_old_file_and_names_file_and_space(
    tmp_path: Path, small_files: None
) -> None:
    path = saved(tmp_path / 'net_g_5.pth')
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=r'net_g_5\.pth cannot be written') as caught:
        save_whole({'big': torch.zeros(1 << 16)}, path)
    assert 'File too large' in str(caught.value) and 'MiB free' in str(caught.value)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_called_so(tmp_path: Path, number: int) -> None:
    def fail(content: Any, file: Any) -> None:
        raise OSError(number, 'No space left on device')

    with pytest.raises(CheckpointError, match=r'5\.state cannot be written: the disk is full'):
        save_whole({}, tmp_path / '5.state', fail)
    assert list(tmp_path.iterdir()) == []


def test_what_passes_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: List[float] = []
    monkeypatch.setattr(checkpoint_files.time, 'sleep', waits.append)

    def fail_twice(content: Any, file: Any) -> None:
        if len(waits) < 2:
            raise OSError(errno.EIO, 'Input/output error')
        torch.save(content, file)

    save_whole({'a': 1}, tmp_path / 'a.pth', fail_twice)
    assert len(waits) == 2 and torch.load(tmp_path / 'a.pth', weights_only=True) == {'a': 1}


@pytest.mark.parametrize('old_format', [False, True])
def test_a_whole_file_is_whole(tmp_path: Path, old_format: bool) -> None:
    assert what_is_wrong(saved(tmp_path / 'a.pth', _use_new_zipfile_serialization=not old_format)) is None


@pytest.mark.parametrize('old_format', [False, True])
@pytest.mark.parametrize('share', [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_file_cut_short_is_not(tmp_path: Path, share: float, old_format: bool) -> None:
    path = saved(tmp_path / 'a.pth', _use_new_zipfile_serialization=not old_format)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert what_is_wrong(path)


def test_a_hole_in_the_middle_is_seen(tmp_path: Path) -> None:
    path = saved(tmp_path / 'a.pth')
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 512] = bytes(512)
    path.write_bytes(content)
    assert 'data/0 is damaged' in what_is_wrong(path)


def test_other_files_are_told(tmp_path: Path) -> None:
    assert what_is_wrong(tmp_path / 'none.pth') == 'it is missing'
    (tmp_path / 'text.pth').write_text('<html>not found</html>')
    assert what_is_wrong(tmp_path / 'text.pth') == 'it was not written by torch.save'
    import zipfile

    with zipfile.ZipFile(tmp_path / 'photos.pth', 'w') as archive:
        archive.writestr('a.png', b'x')
    assert what_is_wrong(tmp_path / 'photos.pth') == 'it was not written by torch.save'


def test_a_pair_needs_the_weights_of_each_network_that_is_saved(tmp_path: Path) -> None:
    opt = options_of(tmp_path, network_d={}, network_identity={})
    state = saved(tmp_path / '5.state')
    assert 'net_g_5.pth: it is missing' in what_pair_lacks(state, opt)
    saved(tmp_path / 'models' / 'net_g_5.pth')
    assert what_pair_lacks(state, opt) is None
    saved(tmp_path / 'models' / 'net_d_4.pth')
    assert 'net_d_5.pth: it is missing' in what_pair_lacks(state, opt)
    opt['path']['ignore_resume_networks'] = ['network_d']
    assert what_pair_lacks(state, opt) is None
    assert weights_of(state, opt) == [tmp_path / 'models' / 'net_g_5.pth']


def test_leftovers_go_and_nothing_else(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        temporary = files.replacing(tmp_path / '5.state')
        temporary.__enter__().touch()
        os._exit(0)
    os.waitpid(child, 0)
    for name in ('5.state', '.hidden', 'a.partial.pth'):
        (tmp_path / name).touch()
    assert len(list(tmp_path.iterdir())) == 4
    remove_leftovers(tmp_path, tmp_path / 'absent')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['.hidden', '5.state', 'a.partial.pth']
