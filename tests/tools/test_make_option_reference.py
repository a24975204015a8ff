"""The command that writes options/README.md, or says that it is not current."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def tool(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location('make_option_reference', repo / 'tools' / 'make_option_reference.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, 'PAGE', tmp_path / 'README.md')
    return module


def test_it_writes_and_checks(tool: ModuleType, capsys: pytest.CaptureFixture) -> None:
    assert tool.main(['--check']) == 1
    assert 'is not current' in capsys.readouterr().err
    assert tool.main([]) == 0 and tool.PAGE.read_text().startswith('# Options')
    assert tool.main(['--check']) == 0
    tool.PAGE.write_text(tool.PAGE.read_text().replace('0.1', '0.2', 1))
    assert tool.main(['--check']) == 1
