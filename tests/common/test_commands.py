"""How commands are spelled in messages."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from bsr_plugins.common import commands


@pytest.fixture(autouse=True)
def looked_up_anew() -> Iterator[None]:
    commands.program.cache_clear()
    yield
    commands.program.cache_clear()


def test_the_script_where_it_is_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'basicsr').write_text('#!/bin/sh\n')
    (tmp_path / 'basicsr').chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    assert commands.command('score', '--out', Path('my data/d.txt')) == "basicsr score --out 'my data/d.txt'"


def test_this_interpreter_where_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repo: Path) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    spelled = commands.command('--version')
    assert spelled == f'{shlex.quote(sys.executable)} -m bsr_plugins --version'
    done = subprocess.run(spelled, shell=True, cwd=repo, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.startswith('bsr_plugins ')
