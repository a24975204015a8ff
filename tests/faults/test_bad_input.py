"""Bad inputs of all kinds: each is named, with exit code 2, without a traceback, and nothing in a file is executed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Dict, Sequence

import pytest

import warm_python
from bad_inputs import TABLE, Bad

THROUGH_THE_SHELL = (
    'misspelt option file',
    'python tag',
    'hostile weights',
    'unknown template network',
    'an image cut short',
)


def check(row: Bad, project: Path, code: int, output: str) -> None:
    missing = [word for word in row.words if word not in output]
    assert not missing, f'not said: {missing}\n{output}'
    assert 'Traceback' not in output, output
    assert code == 2, output
    assert not (project / 'executed').exists()


@pytest.mark.parametrize('row', TABLE, ids=lambda row: row.name)
def test_bad_input(
    row: Bad, project: Path, call: Callable[[Sequence[str], Path], int], capfd: pytest.CaptureFixture[str]
) -> None:
    row.spoil(project)
    code = call(row.command, project)
    captured = capfd.readouterr()
    check(row, project, code, captured.out + captured.err)


@pytest.mark.parametrize('row', [row for row in TABLE if row.remedy], ids=lambda row: row.name)
def test_remedies_work(
    row: Bad, project: Path, call: Callable[[Sequence[str], Path], int], capfd: pytest.CaptureFixture[str]
) -> None:
    row.spoil(project)
    row.remedy(project)
    code = call(row.command, project)
    captured = capfd.readouterr()
    assert code == 0, captured.out + captured.err
    assert row.words[0] not in captured.out + captured.err


@pytest.mark.parametrize('name', THROUGH_THE_SHELL)
def test_bad_input_through_the_shell(name: str, project: Path, repo: Path, environment: Dict[str, Any]) -> None:
    row = next(row for row in TABLE if row.name == name)
    row.spoil(project)
    program, *arguments = row.command
    command = ['-m', 'bsr_plugins'] if program == 'basicsr' else [os.fspath(repo / 'tools' / f'{program}.py')]
    done = warm_python.run(*command, *arguments, cwd=project, env=environment, timeout=120)
    check(row, project, done.returncode, done.stdout)


def test_names_of_the_table_are_unique() -> None:
    names = [row.name for row in TABLE]
    assert len(set(names)) == len(names)


def test_the_project_is_whole_before_it_is_spoilt(project: Path, call: Callable[[Sequence[str], Path], int]) -> None:
    for command in ('basicsr train -opt train.yml --auto_resume', 'basicsr test -opt test.yml'):
        assert call(command.split(), project) == 0
