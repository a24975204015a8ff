"""A second run of a name: every command that would write there is refused, and nothing of the first one is touched."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Callable, Iterator, List, Sequence

import pytest

from bsr_plugins.common.locks import hold

pytest.importorskip('fcntl')
Call = Callable[[Sequence[str], Path], int]


@pytest.fixture
def other_run(project: Path) -> Iterator[int]:
    """Another process that holds the training's folder and the test's; its number."""
    (project / 'results').mkdir(exist_ok=True)
    pid = os.fork()
    if pid == 0:
        try:
            held = [hold(project / 'experiments' / '.t.lock'), hold(project / 'results' / '.t_test.lock')]
            (project / 'ready').write_text(str(len(held)))
            time.sleep(120)
        finally:
            os._exit(0)
    while not (project / 'ready').exists():
        time.sleep(0.01)
    yield pid
    with contextlib.suppress(ChildProcessError, ProcessLookupError):  # the test has ended it
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def listing(project: Path) -> List[str]:
    return sorted(str(path) for folder in ('experiments', 'results') for path in (project / folder).rglob('*'))


@pytest.mark.parametrize(
    'command',
    [
        'train -opt train.yml',
        'train -opt train.yml --auto_resume',
        'train -opt train.yml --force_yml name=t',
        'test -opt test.yml',
    ],
)
def test_it_is_refused(
    command: str, other_run: int, project: Path, call: Call, capfd: pytest.CaptureFixture[str]
) -> None:
    leftover = project / 'experiments' / 't' / 'training_states' / '.6.1-0.partial.state'
    leftover.touch()
    before = listing(project)
    assert call(['basicsr', *command.split()], project) == 2
    said = ''.join(capfd.readouterr())
    assert 'is at work' in said and f'process {other_run} on' in said and 'Traceback' not in said
    assert listing(project) == before, 'not even what a killed run has left: the other run may be writing it'


def test_another_name_and_a_dead_holder_are_no_obstacle(other_run: int, project: Path, call: Call) -> None:
    train = ['basicsr', 'train', '-opt', 'train.yml']
    assert call([*train, '--force_yml', 'name=other', 'train:total_iter=1'], project) == 0
    os.kill(other_run, 9)
    os.waitpid(other_run, 0)
    assert (project / 'experiments' / '.t.lock').exists()
    assert call([*train, '--auto_resume'], project) == 0
