"""``basicsr run``: any script as Python runs it, with the pack and the right basicsr."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]
SHOWS = """\
import sys
import bsr_plugins
print(__name__, __file__, sys.argv)
"""
# A script whose functions go to other processes, as those of BasicSR's scripts/data_preparation do.
POOL = """\
import multiprocessing
import sys
import basicsr

class Job:
    def __init__(self, number):
        self.number = number

def worker(job):
    return job.number**2, basicsr.HERE

if __name__ == '__main__':
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(pool.map(worker, [Job(number) for number in range(3)]))
"""


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    root = tmp_path / 'fork'
    for name, text in {
        'models/__init__.py': '',
        'utils/__init__.py': '',
        '__init__.py': 'HERE = __path__[0]\n',
    }.items():
        path = root / 'basicsr' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def run(folder: Path, *arguments: str, command: Any = ('-m', 'bsr_plugins')) -> Any:
    return subprocess.run(
        [sys.executable, *command, 'run', *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(REPO)},
        timeout=120,
    )


def test_a_script_runs_as_itself_with_its_own_arguments(fork: Path) -> None:
    script = fork / 'basicsr' / 'demo.py'
    script.write_text(SHOWS)
    done = run(fork, 'basicsr/demo.py', '-opt', 'x.yml', '--help', 'run', '--local-rank=1')
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == f"__main__ {script} ['{script}', '-opt', 'x.yml', '--help', 'run', '--local-rank=1']\n"


@pytest.mark.parametrize('method', ['fork', 'spawn', 'forkserver'])
@pytest.mark.parametrize('command', [('-m', 'bsr_plugins'), ('console',)], ids=['module', 'console'])
def test_its_functions_go_to_other_processes(fork: Path, method: str, command: Any) -> None:
    script = fork / 'work.py'
    script.write_text(POOL)
    if command == ('console',):
        entry = fork / 'entry.py'  # what pip writes as the console script
        entry.write_text(
            'import sys\nfrom bsr_plugins.cli.main import main\nif __name__ == "__main__":\n    sys.exit(main())\n'
        )
        command = (str(entry),)
    done = run(fork, 'work.py', method, command=command)
    here = str(fork / 'basicsr')
    assert done.stdout == f"[(0, '{here}'), (1, '{here}'), (4, '{here}')]\n", done.stderr


def test_the_checkout_around_the_script_counts_where_there_is_none_in_the_working_directory(
    fork: Path, tmp_path: Path
) -> None:
    (fork / 'Denoising').mkdir()
    (fork / 'Denoising' / 'test_x.py').write_text('import basicsr\nprint(basicsr.HERE)\n')
    for folder, script in (
        (tmp_path, 'fork/Denoising/test_x.py'),
        (fork / 'Denoising', 'test_x.py'),
        (fork, 'Denoising/test_x.py'),
    ):
        done = run(folder, script)
        assert done.stdout == f'{fork / "basicsr"}\n', done.stderr


def test_modules_beside_the_script_are_found(tmp_path: Path) -> None:
    (tmp_path / 'tools').mkdir()
    (tmp_path / 'tools' / 'beside.py').write_text('NAME = "beside"\n')
    (tmp_path / 'tools' / 'x.py').write_text('import sys\nfrom beside import NAME\nprint(NAME)\nsys.exit(3)\n')
    done = run(tmp_path, 'tools/x.py')
    assert (done.returncode, done.stdout) == (3, 'beside\n')


def test_a_script_that_is_missing(tmp_path: Path) -> None:
    done = run(tmp_path, 'absent.py')
    assert done.returncode == 2
    assert done.stderr.startswith('basicsr run: error: The script does not exist\n')
    assert str(tmp_path / 'absent.py') in done.stderr


def test_only_the_script_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    from bsr_plugins.cli.main import main

    assert main(['run']) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith('the following arguments are required: SCRIPT')
