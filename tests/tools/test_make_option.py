"""The command that writes option files: any combination, nothing overwritten unasked, shipped files current."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
import yaml

from bsr_plugins.options.templates.recipe import SHIPPED, Recipe
from bsr_plugins.options.templates.render import render
from cases import every


@pytest.fixture(scope='module')
def tool(repo):
    spec = importlib.util.spec_from_file_location('make_option', repo / 'tools' / 'make_option.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@every('recipe', SHIPPED)
def test_shipped_files_are_current(repo, recipe):
    path = repo / 'options' / recipe.file_name
    assert path.read_text(encoding='utf-8') == render(recipe), f'run {recipe.command}, or tools/make_option.py --all'


def test_no_file_is_left_over(repo):
    assert {path.name for path in (repo / 'options').glob('*.yml')} == {recipe.file_name for recipe in SHIPPED}


def test_check(tool, monkeypatch, tmp_path, capsys):
    assert tool.main(['--check']) == 0
    monkeypatch.setattr(tool, 'ROOT', tmp_path)
    assert tool.main(['--all']) == 0
    assert tool.main(['--check']) == 0
    (tmp_path / 'options' / 'test_RCAN_x4.yml').write_text('name: mine\n')
    capsys.readouterr()
    assert tool.main(['--check']) == 1
    assert capsys.readouterr().err == (
        'options/test_RCAN_x4.yml is not what tools/make_option.py --net RCAN --test --scale 4 writes\n'
    )


def test_writes_under_options(tool, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert tool.main(['--net', 'RCAN', '--method', 'bspa', '--scale', '3']) == 0
    written = tmp_path / 'options' / 'train_RCAN_bspa_x3.yml'
    assert written.read_text() == render(Recipe('RCAN', 'bspa', 3))
    assert capsys.readouterr().out == 'options/train_RCAN_bspa_x3.yml\n'


def test_prints(tool, capsys):
    assert tool.main(['--net', 'EDSR', '--test', '--scale', '2', '--out', '-']) == 0
    assert yaml.safe_load(capsys.readouterr().out)['name'] == 'test_EDSR_x2'
    assert tool.main(['--net', 'EDSR', '--method', 'fpl', '--test', '--scale', '2', '--out', '-']) == 0
    assert yaml.safe_load(capsys.readouterr().out)['name'] == 'test_EDSR_fpl_x2'


def test_a_file_of_the_users_is_not_overwritten(tool, tmp_path, capsys):
    path = tmp_path / 'mine.yml'
    path.write_text('name: mine\n')
    command = ['--net', 'EDSR', '--method', 'baseline', '--scale', '2', '--out', str(path)]
    assert tool.main(command) == 2
    assert path.read_text() == 'name: mine\n' and '--force' in capsys.readouterr().err
    assert tool.main([*command, '--force']) == 0
    assert tool.main(command) == 0  # the same text again is no conflict


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--net', 'EDRS', '--method', 'bspa', '--scale', '4'], "did you mean 'EDSR'?"),
        (['--net', 'EDSR', '--method', 'BSPA2', '--scale', '4'], "did you mean 'bspa'?"),
        (['--net', 'EDSR', '--method', 'bspa', '--scale', '8'], 'no option file for this scale'),
        (['--net', 'EDSR', '--scale', '4', '--method', 'bspa', '--test'], 'leave --method out'),
    ],
)
def test_what_is_not_in_the_table(tool, arguments, message, capsys):
    assert tool.main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    'arguments, message',
    [
        ([], '--net, --scale and one of --method and --test are needed'),
        (['--net', 'EDSR', '--scale', '4'], 'are needed'),
    ],
)
def test_incomplete_commands(tool, arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        tool.main(arguments)
    assert caught.value.code == 2 and message in capsys.readouterr().err


def test_help_imports_nothing_heavy(repo):
    code = (
        "import runpy, sys; sys.argv = ['make_option.py', '--help']\n"
        "try:\n    runpy.run_path('tools/make_option.py', run_name='__main__')\n"
        'except SystemExit as end:\n    assert not end.code\n'
        "heavy = {'torch', 'numpy', 'cv2', 'basicsr', 'yaml'} & set(sys.modules)\n"
        'assert not heavy, heavy\n'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=repo, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 'RCAN' in done.stdout and 'bspa' in done.stdout
