"""Output that nobody reads, that finds no room or no stream: commands end as they should, trainings go on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

import pytest

import killed_work
import warm_processes

FEW = ['--force_yml', 'logger:save_checkpoint_freq=100000', 'val:val_freq=1']


def endless(project: Path) -> Path:
    """Let the project train for long, and validate with a progress bar after each iteration; return its run."""
    shutil.rmtree(project / 'experiments')
    text = (project / 'train.yml').read_text().replace('BSPAModel', 'RebalancedSRModel')
    (project / 'train.yml').write_text(text.replace('total_iter: 4', 'total_iter: 4000'))
    return project / 'experiments' / 't'


def iterations(run: Path) -> int:
    return sum(path.read_text().count(', iter:') for path in run.glob('*.log'))


def wait_for_iteration(run: Path, count: int) -> None:
    end = time.monotonic() + 60
    while iterations(run) < count:
        assert time.monotonic() < end, 'training did not get there'
        time.sleep(0.02)


@pytest.mark.parametrize(
    ('number', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_run_saves_though_the_reader_of_its_output_dies_first(project: Path, number: int, code: int) -> None:
    """``basicsr train ... 2>&1 | tee log`` and Ctrl-C, which reaches tee as well; or the terminal is closed."""
    run = endless(project)
    os.mkfifo(project / 'pipe')
    process = warm_processes.start(killed_work.train_writing_to, project, 'pipe', *FEW)
    with open(project / 'pipe', 'rb', buffering=0) as pipe:
        while iterations(run) < 2:
            pipe.read(100)
    os.killpg(process.pid, number)
    process.join(60)
    assert process.exitcode == code, (project / 'output.txt').read_text()
    saved = [path.name for path in run.glob('*/*') if path.suffix in ('.state', '.pth')]
    assert len(saved) == 2, saved


def test_a_run_goes_on_when_the_reader_of_its_output_has_gone(project: Path) -> None:
    run = endless(project)
    os.mkfifo(project / 'pipe')
    process = warm_processes.start(killed_work.train_writing_to, project, 'pipe', *FEW)
    with open(project / 'pipe', 'rb', buffering=0) as pipe:
        while iterations(run) < 1:
            pipe.read(100)
    wait_for_iteration(run, iterations(run) + 3)
    process.terminate()
    process.join(60)
    assert process.exitcode == 143


@pytest.mark.parametrize('place', ['/dev/full', ''], ids=['full', 'closed'])
def test_a_run_without_output_trains(project: Path, place: str) -> None:
    """BSPA's rounds, validation and the end of training have progress bars and lines of their own."""
    shutil.rmtree(project / 'experiments')
    warm_processes.finish(killed_work.train_writing_to, project, place, '--force_yml', 'val:val_freq=2')
    run = project / 'experiments' / 't'
    assert (run / 'models' / 'net_g_latest.pth').is_file()
    (log,) = run.glob('*.log')
    assert 'BSPA round 1' in log.read_text() and 'psnr' in log.read_text()


COMMANDS: Dict[str, List[str]] = {
    'option': ['option', '--net', 'EDSR', '--method', 'fpl', '--scale', '4', '--out', '-'],
    'list': ['option', '--list'],
    'check': ['check', 'train.yml'],
    'help': ['--help'],
    'help of train': ['train', '--help'],
    'version': ['--version'],
}


@pytest.fixture
def no_room() -> Iterator[int]:
    """A descriptor of a device that is full."""
    descriptor = os.open('/dev/full', os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


def run(arguments: Sequence[str], project: Path, environment: Dict[str, Any], **options: Any) -> Any:
    return subprocess.run(
        [sys.executable, '-m', 'bsr_plugins', *arguments], cwd=project, env=environment, timeout=120, **options
    )


@pytest.mark.parametrize('arguments', COMMANDS.values(), ids=COMMANDS)
def test_printing_to_a_full_disk_is_said(
    arguments: List[str], project: Path, environment: Dict[str, Any], no_room: int
) -> None:
    done = run(arguments, project, environment, stdout=no_room, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr == b'basicsr: error: The output cannot be written: No space left on device\n'


@pytest.mark.parametrize('name', ['option', 'check', 'help'])
def test_printing_to_a_pipe_without_reader_is_quiet(name: str, project: Path, environment: Dict[str, Any]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(COMMANDS[name], project, environment, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b'')


@pytest.mark.parametrize(
    ('closed', 'arguments', 'code'),
    [
        ('>&- 2>&-', 'check train.yml', 0),
        ('>&-', 'option --list', 0),
        ('<&- >&-', '--help', 0),
        ('2>&-', 'check absent.yml', 2),
        ('2>/dev/full', 'train -opt absent.yml', 2),
        ('2>&-', 'trian', 2),
    ],
)
def test_closed_streams_are_as_if_redirected_to_nothing(
    closed: str, arguments: str, code: int, project: Path, environment: Dict[str, Any]
) -> None:
    done = subprocess.run(
        f'"{sys.executable}" -m bsr_plugins {arguments} {closed}',
        shell=True,
        cwd=project,
        env=environment,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == code, done
    assert b'Traceback' not in done.stderr + done.stdout
