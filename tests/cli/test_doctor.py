"""``basicsr doctor`` in this environment: the report, its exit codes, and that nothing heavy is imported for it."""

from __future__ import annotations

import json
import os
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
    monkeypatch.setattr(report, 'examine', lambda *given: Report({'disk': [('free', '1 GiB')]}, findings))
    assert main(['doctor']) == code
    out, err = capsys.readouterr()
    assert err == '' and out.startswith('disk\n  free  1 GiB\n\nfindings\n')
    assert ('remedy:   mend it' in out) == (severity is not None)


def test_unknown_arguments(capsys: pytest.CaptureFixture) -> None:
    assert main(['doctor', '--fix']) == 2
    assert 'Unknown arguments: --fix' in capsys.readouterr().err
    assert doctor.EXIT_UNSOUND == 1


SPY = "open({place!r} + '/' + __name__, 'w').close()\n"
NAMES = (
    *(
        'argparse',
        'ast',
        'collections',
        'dataclasses',
        'difflib',
        'functools',
        'importlib',
        'inspect',
        'json',
        'logging',
    ),
    *('pathlib', 'platform', 're', 'shlex', 'shutil', 'signal', 'subprocess', 'tempfile', 'textwrap', 'typing', 'yaml'),
    *('warnings', 'numpy', 'torch', 'torchvision', 'cv2', 'lmdb', 'tqdm', 'hat', 'VERSION', 'setup', 'train'),
)


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder with modules of all names, a basicsr among them; each leaves a file in ``run`` when it runs."""
    (tmp_path / 'run').mkdir()
    folder = tmp_path / 'trap'
    spy = SPY.format(place=str(tmp_path / 'run'))
    for name in (*NAMES, 'basicsr/__init__', 'basicsr/train', 'basicsr/models/__init__', 'basicsr/utils/__init__'):
        path = folder / f'{name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(spy)
    (folder / 'x.yml').write_text('name: x\nscale: 2\n')
    return folder


@pytest.mark.parametrize(
    ('command', 'path'),
    [
        # The next one has the folder on the import path too.
        pytest.param('doctor', '{repo}', marks=pytest.mark.slow),
        ('doctor', '{trap}:{repo}:./'),
        ('check x.yml', '{repo}'),
        ('check x.yml', '{repo}:'),
        ('option --list', '.:{repo}'),
    ],
)
def test_nothing_in_a_folder_that_is_looked_at_runs(command: str, path: str, trap: Path, repo: Path) -> None:
    environment = {**os.environ, 'PYTHONPATH': path.format(repo=repo, trap=trap)}
    # What Python itself imports before it comes to the command is out of anyone's reach.
    code = 'import runpy, sys; print(*sys.modules)'
    for name in subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.split():
        if name in NAMES:
            (trap / f'{name}.py').unlink()
    done = subprocess.run(
        [sys.executable, '-m', 'bsr_plugins', *command.split()],
        cwd=trap,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert [entry.name for entry in (trap.parent / 'run').iterdir()] == [], done.stdout
    assert done.returncode in (0, 1, 2) and 'Traceback' not in done.stdout, done.stdout


def test_a_checkout_is_imported_on_request(trap: Path, repo: Path) -> None:
    environment = {**os.environ, 'PYTHONPATH': str(repo)}
    command = [sys.executable, '-m', 'bsr_plugins', 'doctor', '--import']
    done = subprocess.run(command, cwd=trap, env=environment, capture_output=True, text=True)
    ran = {entry.name.partition('.')[0] for entry in (trap.parent / 'run').iterdir()}
    assert ran == {'basicsr'}, done.stdout
