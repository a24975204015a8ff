"""Linked, a fork's own script finds the pack; without the pack it runs as before; unlinked, the tree is what it was."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from bsr_plugins.cli.main import main
from bsr_plugins.common.errors import LinkError
from bsr_plugins.host import linking
from bsr_plugins.host.linking import link, stub, unlink

STUBS = {
    'registry': 'basicsr/archs/bsr_plugins_arch.py',
    'explicit': 'basicsr/data/bsr_plugins_dataset.py',
    'legacy': 'basicsr/models/bsr_plugins_model.py',
    'namespace': 'basicsr/models/bsr_plugins_model.py',
    'dependent': 'hat/archs/bsr_plugins_arch.py',
}
OWN = {
    'registry': ['SRModel'],
    'explicit': ['SRModel'],
    'legacy': ['ImageCleanModel'],
    'namespace': ['ImageCleanModel'],
}


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it so that no basicsr is installed, and nothing is missing that BasicSR imports."""
    from bsr_plugins.host.linking import obstacles

    monkeypatch.setattr(obstacles, 'installed_package', lambda *names: None)
    monkeypatch.setattr(obstacles, 'missing_modules', dict)


@pytest.mark.parametrize('kind', sorted(STUBS))
def test_one_file_in_the_folder_of_the_forks_generation(
    kind: str, tree: Callable[..., Path], alone: None, content: Callable[[Path], Any]
) -> None:
    root = tree(kind)
    before = content(root)
    linked = link(root)
    assert linked.stub == root / STUBS[kind] and linked.written and linked.exclude is None
    after = content(root)
    assert {name for name in after if name not in before} == {STUBS[kind]}
    assert after[STUBS[kind]] == stub.TEXT.encode()
    assert unlink(root) == [root / STUBS[kind]]
    assert content(root) == before


@pytest.mark.parametrize('kind', sorted(OWN))
def test_the_forks_own_script_finds_the_pack(
    kind: str, tree: Callable[..., Path], alone: None, repo: Path, run_script: Callable[..., Any]
) -> None:
    root = tree(kind)
    assert run_script(root, repo).stdout == f'{OWN[kind]}\n'
    link(root)
    linked = run_script(root, repo)
    assert linked.returncode == 0, linked.stderr
    assert 'RebalancedSRModel' in linked.stdout and OWN[kind][0] in linked.stdout
    without_pack = run_script(root)
    assert (without_pack.returncode, without_pack.stdout, without_pack.stderr) == (0, f'{OWN[kind]}\n', '')
    unlink(root)
    assert run_script(root, repo).stdout == f'{OWN[kind]}\n'


def test_a_fault_inside_the_pack_is_not_hidden(
    tree: Callable[..., Path], alone: None, tmp_path: Path, run_script: Callable[..., Any]
) -> None:
    root = tree('registry')
    link(root)
    (tmp_path / 'broken' / 'bsr_plugins').mkdir(parents=True)
    (tmp_path / 'broken' / 'bsr_plugins' / '__init__.py').write_text('import not_there\n')
    done = run_script(root, tmp_path / 'broken')
    assert done.returncode == 1 and "No module named 'not_there'" in done.stderr


def test_both_are_idempotent(tree: Callable[..., Path], alone: None, content: Callable[[Path], Any]) -> None:
    root = tree('registry')
    subprocess.run(['git', 'init', '-q', str(root)], check=True)
    before = content(root)
    assert unlink(root) == []
    assert content(root) == before
    assert link(root).written
    linked = content(root)
    again = link(root)
    assert not again.written and again.exclude == root / '.git' / 'info' / 'exclude'
    assert content(root) == linked
    assert len(unlink(root)) == 1 and unlink(root) == []
    assert content(root) == before


def test_compiled_stubs_go_too(tree: Callable[..., Path], alone: None, repo: Path) -> None:
    root = tree('registry')
    compiled = link(root).stub.parent / '__pycache__' / 'bsr_plugins_arch.cpython-311.pyc'
    compiled.parent.mkdir()
    compiled.write_bytes(b'')
    (compiled.parent / 'net_arch.cpython-311.pyc').write_bytes(b'')
    unlink(root)
    assert [path.name for path in compiled.parent.iterdir()] == ['net_arch.cpython-311.pyc']


def test_git_does_not_see_the_stub(tree: Callable[..., Path], alone: None) -> None:
    root = tree('registry')
    subprocess.run(['git', 'init', '-q', str(root)], check=True)
    subprocess.run(['git', '-C', str(root), 'add', '.'], check=True)

    def untracked() -> str:
        return subprocess.run(
            ['git', '-C', str(root), 'ls-files', '--others', '--exclude-standard'],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    (root / 'basicsr' / 'archs' / 'other_arch.py').write_text('')
    link(root)
    assert untracked() == 'basicsr/archs/other_arch.py\n'


def test_an_edited_stub_is_neither_overwritten_nor_removed(tree: Callable[..., Path], alone: None) -> None:
    root = tree('registry')
    path = link(root).stub
    path.write_text(stub.TEXT + 'print(1)\n')
    for command in (link, unlink):
        with pytest.raises(LinkError, match='The stub has been edited') as caught:
            command(root)
        assert str(path) in str(caught.value)
    path.write_text(stub.TEXT.replace(f'stub {stub.VERSION}:', 'stub 99:'))
    with pytest.raises(LinkError, match='another release') as caught:
        unlink(root)
    assert caught.value.found == 'version 99'
    path.write_text('# their own file\n')
    assert unlink(root) == [] and path.read_text() == '# their own file\n'


def test_a_checkout_that_cannot_be_written(
    tree: Callable[..., Path], alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree('registry')

    def refuse(path: Path, text: str) -> None:
        raise OSError(30, 'Read-only file system', str(path))

    monkeypatch.setattr(linking, 'write_text', refuse)
    with pytest.raises(LinkError, match='The checkout cannot be written: Read-only file system') as caught:
        link(root)
    assert f'in {root}, which writes nothing there' in caught.value.remedy


def test_worktrees_share_the_line_until_the_last_is_unlinked(
    tree: Callable[..., Path], alone: None, tmp_path: Path
) -> None:
    def git(folder: Path, *arguments: str) -> str:
        return subprocess.run(
            ['git', '-c', 'user.name=a', '-c', 'user.email=a@b.c', *arguments],
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    root = tree('registry')
    git(root, 'init', '-q')
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'x')
    work = tmp_path / 'work'
    git(root, 'worktree', 'add', '-q', str(work))
    exclude = root / '.git' / 'info' / 'exclude'
    before = exclude.read_bytes()
    for first, last in ((root, work), (work, root)):
        assert link(root).exclude == link(work).exclude == exclude
        unlink(first)
        assert git(last, 'status', '--short') == '' and (last / STUBS['registry']).is_file()
        unlink(last)
        assert exclude.read_bytes() == before


def test_the_commands(
    tree: Callable[..., Path], alone: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    root = tree('registry')
    monkeypatch.chdir(root.parent)
    assert main(['link', 'fork']) == 0
    assert capsys.readouterr().out == (
        f'linked: {root}/basicsr/archs/bsr_plugins_arch.py\n'
        "run the fork's scripts with the checkout on the path: cd fork && PYTHONPATH=. python basicsr/train.py ...\n"
    )
    assert main(['link', 'fork']) == 0
    assert capsys.readouterr().out.startswith(f'linked already: {root}')
    assert main(['unlink', 'fork']) == 0
    assert capsys.readouterr().out == f'removed: {root}/basicsr/archs/bsr_plugins_arch.py\n'
    assert main(['unlink', 'fork']) == 0
    assert capsys.readouterr().out == 'nothing to remove in fork\n'
    assert main(['unlink', 'absent']) == 2
    assert 'basicsr unlink: error: The folder does not exist' in capsys.readouterr().err
    assert main(['link', 'fork', '--pth']) == 2
    assert 'Unknown arguments: --pth' in capsys.readouterr().err
