"""An option file of a fork, run from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest

from bsr_plugins.checks.other_checkout import check_working_directory
from bsr_plugins.options.option_file import read_option_file

EMBEDDED = {'fork/basicsr/train.py': '', 'fork/options/x.yml': 'name: x\n', 'other/y': ''}
DEPENDENT = {
    'fork/setup.py': '',
    'fork/hat/train.py': 'from basicsr.train import train_pipeline\n',
    'fork/options/x.yml': 'name: x\n',
    'other/y': '',
}


def write(root: Path, files: Dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize('files', [EMBEDDED, DEPENDENT])
@pytest.mark.parametrize('cwd', ['other', 'fork/options', '.'])
def test_the_checkout_is_named(files: Dict[str, str], cwd: str, tmp_path: Path) -> None:
    write(tmp_path, files)
    (found,) = check_working_directory(read_option_file(tmp_path / 'fork' / 'options' / 'x.yml'), tmp_path / cwd)
    assert found.severity == 'warning' and 'not the root of the checkout' in found.problem
    assert (found.expected, found.remedy) == (str(tmp_path / 'fork'), f'cd {tmp_path / "fork"}')


def test_a_path_through_the_folder_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, EMBEDDED)
    monkeypatch.chdir(tmp_path / 'fork' / 'basicsr')
    (found,) = check_working_directory(read_option_file('../options/x.yml'), Path.cwd())
    assert found.expected == str(tmp_path / 'fork')


def test_a_subfolder_of_the_checkout_with_an_option_file_from_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, {**EMBEDDED, 'other/z.yml': 'name: x\n'})
    (found,) = check_working_directory(read_option_file(tmp_path / 'other' / 'z.yml'), tmp_path / 'fork' / 'basicsr')
    assert found.expected == str(tmp_path / 'fork')


@pytest.mark.parametrize(
    'files', [EMBEDDED, DEPENDENT, {'fork/train.py': DEPENDENT['fork/hat/train.py'], 'fork/options/x.yml': 'name: x\n'}]
)
def test_in_its_root_there_is_nothing_to_say(files: Dict[str, str], tmp_path: Path) -> None:
    write(tmp_path, files)
    assert check_working_directory(read_option_file(tmp_path / 'fork' / 'options' / 'x.yml'), tmp_path / 'fork') == []


def test_without_any_checkout_there_is_nothing_to_say(tmp_path: Path) -> None:
    write(tmp_path, {'project/setup.py': '', 'project/mine/train.py': 'import basicsr\n', 'project/x.yml': 'name: x\n'})
    assert check_working_directory(read_option_file(tmp_path / 'project' / 'x.yml'), tmp_path) == []
