"""The ``basicsr`` command: help, version, exit codes, and what becomes of errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bsr_plugins
from bsr_plugins.cli import launch
from bsr_plugins.cli.main import COMMANDS, main
from bsr_plugins.common.errors import DataError

HEAVY = '{"torch", "basicsr", "cv2", "numpy"} & set(sys.modules)'


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    script = f'import sys; from bsr_plugins.cli.main import main; code = main(["--help"]); print(code, {HEAVY})'
    before = os.times()
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True)
    after = os.times()
    assert done.stdout.splitlines()[-1] == '0 set()', done.stderr
    assert 'train' in done.stdout and 'test' in done.stdout
    # Processor time: other work on the machine does not count.
    assert after.children_user + after.children_system - before.children_user - before.children_system < 0.8


@pytest.mark.parametrize(
    'command', [[str(Path(sys.executable).parent / 'basicsr')], [sys.executable, '-m', 'bsr_plugins']]
)
def test_both_spellings_of_the_command(command: list, tmp_path: Path) -> None:
    if not Path(command[0]).exists():
        pytest.skip('the console script is not installed')
    version = subprocess.run([*command, '--version'], capture_output=True, text=True, cwd=tmp_path)
    assert (version.returncode, version.stdout) == (0, f'bsr_plugins {bsr_plugins.__version__}\n')
    absent = subprocess.run([*command, 'train', '-opt', 'absent.yml'], capture_output=True, text=True, cwd=tmp_path)
    assert absent.returncode == 2 and absent.stdout == ''
    assert absent.stderr.startswith('basicsr train: error: The option file does not exist\n')
    assert f'the working directory is {tmp_path}' in absent.stderr and 'Traceback' not in absent.stderr


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        ([], 'the following arguments are required: COMMAND'),
        (['trian'], "invalid choice: 'trian'"),
        (['train'], 'the following arguments are required: -opt'),
        (['train', '-opt', 'x.yml', '--launcher', 'mpi'], "invalid choice: 'mpi'"),
        (['train', '-opt', 'x.yml', '--local_rank', 'x'], 'invalid int value'),
    ],
)
def test_wrong_arguments(argv: list, message: str, capsys: pytest.CaptureFixture) -> None:
    assert main(argv) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('command', COMMANDS)
def test_help_of_each_command(command: str, capsys: pytest.CaptureFixture) -> None:
    assert main([command, '--help']) == 0
    assert f'usage: basicsr {command}' in capsys.readouterr().out


@pytest.mark.parametrize('command', ['train', 'test'])
def test_help_names_the_arguments_of_basicsr(command: str, capsys: pytest.CaptureFixture) -> None:
    assert main([command, '--help']) == 0
    shown = capsys.readouterr().out
    for argument in ('-opt', '--launcher', '--auto_resume', '--debug', '--local_rank', '--force_yml'):
        assert argument in shown


def raising(error: BaseException) -> Any:
    def run(*arguments: Any) -> int:
        raise error

    return run


def test_errors_of_the_pack_are_messages(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.delenv('BSR_PLUGINS_TRACEBACK', raising=False)
    monkeypatch.setattr(launch, 'launch', raising(DataError('An image is damaged', where='a.png')))
    assert main(['test', '-opt', 'x.yml']) == 2
    assert capsys.readouterr().err == 'basicsr test: error: An image is damaged\n  where:    a.png\n'
    monkeypatch.setenv('BSR_PLUGINS_TRACEBACK', '1')
    with pytest.raises(DataError, match='An image is damaged'):
        main(['test', '-opt', 'x.yml'])


@pytest.mark.parametrize('argument', ['--local-rank=0', '--local_rank=3'])
def test_a_rank_before_the_command_is_that_of_torch_distributed_launch(
    argument: str, capsys: pytest.CaptureFixture
) -> None:
    assert main([argument, 'train', '-opt', 'absent.yml']) == 2
    assert 'absent.yml' in capsys.readouterr().err
    assert main(['--local-rank=x', 'train', '-opt', 'absent.yml']) == 2
    assert 'absent.yml' not in capsys.readouterr().err


def test_ctrl_c_and_other_errors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(launch, 'launch', raising(KeyboardInterrupt()))
    assert main(['train', '-opt', 'x.yml']) == 130
    assert capsys.readouterr().err == 'basicsr: interrupted\n'
    monkeypatch.setattr(launch, 'launch', raising(ZeroDivisionError('theirs')))
    with pytest.raises(ZeroDivisionError, match='theirs'):
        main(['train', '-opt', 'x.yml'])


def test_a_report_whose_reader_has_gone_ends_quietly(tmp_path: Path) -> None:
    option_file = tmp_path / 'x.yml'
    option_file.write_text('name: x\n')
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, '-m', 'bsr_plugins', 'check', str(option_file)],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, '')
