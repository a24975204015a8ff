"""Lines in git's info/exclude come and go; what stood there before and what came after stay to the byte."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Optional

import pytest

from bsr_plugins.host.linking.git_exclude import add_pattern, find_repository, pattern_of, remove_pattern

A, B = '/basicsr/archs/bsr_plugins_arch.py', '/b/basicsr/models/bsr_plugins_model.py'
BEFORE = [None, b'', b'# comment\n*.log\n', b'*.log', b'*.log\r\n', b'\xff\xfe latin\n', b'\n\n']


def write(path: Path, content: Optional[bytes]) -> None:
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.mark.parametrize('before', BEFORE)
@pytest.mark.parametrize('order', [(A,), (A, B), (B, A)])
def test_all_is_undone(before: Optional[bytes], order: tuple, tmp_path: Path) -> None:
    path = tmp_path / 'info' / 'exclude'
    write(path, before)
    assert add_pattern(path, A) and not add_pattern(path, A)
    if B in order:
        assert add_pattern(path, B)
    lines = path.read_bytes().splitlines()
    assert A.encode() in lines and (B.encode() in lines) == (B in order)
    assert all(line in lines for line in (before or b'').splitlines())
    for pattern in order:
        assert remove_pattern(path, pattern) and not remove_pattern(path, pattern)
    assert (path.read_bytes() if path.exists() else None) == before
    assert path.parent.exists() == (before is not None)
    assert not list(tmp_path.rglob('*partial*'))


@pytest.mark.parametrize('before', BEFORE)
def test_lines_added_since_stay(before: Optional[bytes], tmp_path: Path) -> None:
    path = tmp_path / 'info' / 'exclude'
    write(path, before)
    add_pattern(path, A)
    path.write_bytes(path.read_bytes() + b'theirs')
    remove_pattern(path, A)
    joint = b'\n' if before == b'*.log' else b''
    assert path.read_bytes() == (before or b'') + joint + b'theirs'


def test_a_folder_that_others_use_stays(tmp_path: Path) -> None:
    path = tmp_path / 'info' / 'exclude'
    add_pattern(path, A)
    (path.parent / 'attributes').write_text('')
    remove_pattern(path, A)
    assert [entry.name for entry in path.parent.iterdir()] == ['attributes']


def test_mode_and_links_are_kept(tmp_path: Path) -> None:
    real, path = tmp_path / 'real', tmp_path / 'info' / 'exclude'
    real.write_text('a\n')
    real.chmod(0o640)
    path.parent.mkdir()
    path.symlink_to(real)
    add_pattern(path, A)
    assert path.is_symlink() and real.stat().st_mode & 0o777 == 0o640
    assert A in real.read_text()


def test_removing_what_never_was(tmp_path: Path) -> None:
    path = tmp_path / 'exclude'
    assert not remove_pattern(path, A)
    path.write_text(f'{A}\n')
    assert not remove_pattern(path, A) and path.read_text() == f'{A}\n'


def test_outside_git(tmp_path: Path) -> None:
    (tmp_path / '.git').mkdir()
    assert find_repository(tmp_path) is None
    (tmp_path / '.git').rmdir()
    (tmp_path / '.git').write_text('no such form\n')
    assert find_repository(tmp_path) is None


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / 'main'
    git(tmp_path, 'init', '-q', str(root))
    (root / 'a').write_text('')
    git(root, 'add', 'a')
    git(root, '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '-m', 'a')
    return root


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(['git', *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def is_ignored(path: Path) -> bool:
    return subprocess.run(['git', 'check-ignore', '-q', str(path)], cwd=path.parent).returncode == 0


@pytest.mark.parametrize('name', ['bsr_plugins_arch.py', 'a b/[c]/*?/bsr_plugins_arch.py'])
def test_git_leaves_the_file_out_and_no_other(repository: Path, name: str) -> None:
    path = repository / 'deep' / name
    path.parent.mkdir(parents=True)
    path.write_text('')
    found = find_repository(path.parent)
    assert found.root == repository
    add_pattern(found.exclude, pattern_of(path, found))
    assert is_ignored(path) and not is_ignored(path.with_name('other_arch.py'))
    remove_pattern(found.exclude, pattern_of(path, found))
    assert not is_ignored(path)


def test_in_a_worktree(repository: Path, tmp_path: Path) -> None:
    work = tmp_path / 'work'
    git(repository, 'worktree', 'add', '-q', str(work))
    found = find_repository(work)
    assert found.root == work and found.exclude == repository / '.git' / 'info' / 'exclude'
    path = work / 'bsr_plugins_arch.py'
    path.write_text('')
    add_pattern(found.exclude, pattern_of(path, found))
    assert is_ignored(path)


def test_in_a_submodule(repository: Path, tmp_path: Path) -> None:
    outer = tmp_path / 'outer'
    git(tmp_path, 'init', '-q', str(outer))
    git(outer, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', str(repository), 'fork')
    found = find_repository(outer / 'fork')
    assert found.root == outer / 'fork'
    assert found.exclude == outer / '.git' / 'modules' / 'fork' / 'info' / 'exclude'
    path = outer / 'fork' / 'bsr_plugins_arch.py'
    path.write_text('')
    add_pattern(found.exclude, pattern_of(path, found))
    assert is_ignored(path)
