"""``basicsr doctor`` in this environment: the report, its exit codes, and that nothing heavy is imported for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bsr_plugins.cli import doctor
from bsr_plugins.cli.main import main
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.doctor import report
from bsr_plugins.doctor.report import Report

CODE = (
    'import sys; from bsr_plugins.cli.main import main; code = main(["doctor", "--json"]); '
    'print(code, {"torch", "basicsr", "cv2", "numpy", "lmdb"} & set(sys.modules), file=sys.stderr)'
)


def test_this_environment(repo: Path, tmp_path: Path) -> None:
    pytest.importorskip('basicsr')
    done = subprocess.run(
        [sys.executable, '-c', f'import sys; sys.path.append({str(repo)!r}); {CODE}'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    shown = json.loads(done.stdout)
    assert done.stderr == '0 set()\n', done.stdout
    assert [finding for finding in shown['findings'] if finding['severity'] == ERROR] == []
    sections = {title: dict(rows) for title, rows in shown['sections'].items()}
    assert list(sections) == ['packages', 'basicsr', 'devices', 'registered', 'mends', 'additions', 'disk']
    import torch

    assert sections['packages']['torch'].startswith(torch.__version__.split('+')[0])
    assert 'BSRNet' in sections['registered']['arch'] and ' of basicsr' in sections['registered']['arch']
    assert 'a resumed epoch starts over' in sections['additions']['exact place in the epoch']
    assert 'prefetch race' in sections['mends'] and 'prefetch race' not in sections['additions']
    assert sections['disk']['experiments'] == str(tmp_path / 'experiments')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('severity, code', [(None, 0), (WARNING, 0), (ERROR, 1)])
def test_exit_codes(severity: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    findings = [Finding(severity, 'Odd', 'here', remedy='mend it')] if severity else []
    monkeypatch.setattr(report, 'examine', lambda root, path: Report({'disk': [('free', '1 GiB')]}, findings))
    assert main(['doctor']) == code
    out, err = capsys.readouterr()
    assert err == '' and out.startswith('disk\n  free  1 GiB\n\nfindings\n')
    assert ('remedy:   mend it' in out) == (severity is not None)


def test_unknown_arguments(capsys: pytest.CaptureFixture) -> None:
    assert main(['doctor', '--fix']) == 2
    assert 'Unknown arguments: --fix' in capsys.readouterr().err
    assert doctor.EXIT_UNSOUND == 1
