"""The version and revision in the log: of a clone, a linked work tree, packed branches; no revision anywhere else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bsr_plugins.host.version_line import revision_above, revision_of, version_line

GIT = ['git', '-c', 'user.name=a', '-c', 'user.email=a@example.org', '-c', 'commit.gpgsign=false']


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run([*GIT, *arguments], cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    if shutil.which('git') is None:
        pytest.skip('this environment has no git')
    folder = tmp_path / 'clone'
    (folder / 'bsr_plugins').mkdir(parents=True)
    (folder / 'setup.py').write_text("setup(\n    name='bsr-plugins',\n)\n")
    git(folder, 'init', '-q')
    git(folder, 'add', '.')
    git(folder, 'commit', '-q', '-m', 'first')
    return folder


def test_the_revision_is_that_of_the_commit(clone: Path) -> None:
    commit = git(clone, 'rev-parse', 'HEAD')
    assert version_line('1.2', clone / 'bsr_plugins') == f'bsr_plugins 1.2, revision {commit[:12]}'
    git(clone, 'pack-refs', '--all')
    assert revision_of(clone) == commit[:12]
    git(clone, 'worktree', 'add', '-q', '-b', 'other/branch', '../tree')
    assert revision_of(clone.parent / 'tree') == commit[:12]
    git(clone, 'checkout', '-q', '--detach')
    assert revision_of(clone) == commit[:12]


@pytest.mark.parametrize('head', ['', 'ref: refs/heads/none', 'ref: ../../secret', 'no commit', '\xff\xfe'])
def test_what_is_no_clone_has_none(head: str, tmp_path: Path) -> None:
    (tmp_path / 'setup.py').write_text("name='bsr-plugins'")
    assert revision_of(tmp_path) is None
    (tmp_path / '.git').mkdir()
    (tmp_path / '.git' / 'HEAD').write_text(head, encoding='latin-1')
    assert version_line('1.2', tmp_path / 'bsr_plugins') == 'bsr_plugins 1.2'
    shutil.rmtree(tmp_path / '.git')
    (tmp_path / '.git').write_text('gitdir: nowhere')
    assert revision_of(tmp_path) is None


def test_another_repository_around_the_package_is_not_asked(clone: Path) -> None:
    (clone / 'setup.py').write_text("setup(name='a-fork')")
    assert revision_of(clone) is None


def test_the_checkout_around_a_folder(clone: Path, tmp_path: Path) -> None:
    inside = clone / 'bsr_plugins'
    assert revision_above(inside) == revision_above(clone) == git(clone, 'rev-parse', 'HEAD')[:12]
    (clone / 'setup.py').write_text('')
    assert revision_of(clone) is None
    assert revision_above(inside) == git(clone, 'rev-parse', 'HEAD')[:12]
    assert revision_above(tmp_path) is None
