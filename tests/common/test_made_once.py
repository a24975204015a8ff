"""One process makes what many need: the others wait, take over from one that is gone or silent, and say what for."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import Callable, List, Optional

import pytest

from bsr_plugins.common import locks, made_once
from bsr_plugins.common.locks import hold
from bsr_plugins.common.made_once import in_turn
from forked_child import in_child

pytest.importorskip('fcntl')


def code_of(pid: int) -> int:
    return os.WEXITSTATUS(os.waitpid(pid, 0)[1])


def wait_for(path: Path) -> None:
    until = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.005)


class Thing:
    """A text that one process makes; every making is a line of ``log``."""

    def __init__(self, folder: Path) -> None:
        self.path, self.log = folder / 'thing', folder / 'log'

    def load(self) -> Optional[str]:
        return self.path.read_text() if self.path.exists() else None

    def make(self, say: Callable[[str], None]) -> str:
        with open(self.log, 'a') as stream:
            stream.write(f'{os.getpid()}\n')
        say('1 of 2')
        time.sleep(0.05)
        self.path.write_text('made')
        return 'made'

    def get(self) -> str:
        return made_once.made_once(self.path, 'the thing', self.load, self.make)

    @property
    def makers(self) -> List[int]:
        return [int(line) for line in self.log.read_text().split()]


@pytest.fixture
def thing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Thing:
    monkeypatch.setattr(made_once, '_LONGEST_PAUSE', 0.05)
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    return Thing(tmp_path)


def test_one_of_four_processes_makes_it(thing: Thing) -> None:
    def get() -> None:
        assert thing.get() == 'made'

    assert [code_of(pid) for pid in [in_child(get, wait=False) for _ in range(4)]] == [0] * 4
    assert len(thing.makers) == 1
    assert thing.get() == 'made' and sorted(os.listdir(thing.path.parent)) == ['log', 'thing']


def test_who_waits_says_for_what_and_how_far_it_is(
    thing: Thing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, 'basicsr')

    def make_slowly() -> None:
        monkeypatch.setattr(made_once, 'SECONDS_BETWEEN_SIGNS', 0.01)
        with in_turn(thing.path, 'the thing') as turn:
            turn.say('1,000 of 85,000 images')
            time.sleep(0.1)
            (thing.path.parent / 'ready').touch()
            time.sleep(0.2)
            thing.path.write_text('made')

    pid = in_child(make_slowly, wait=False)
    wait_for(thing.path.parent / 'ready')
    assert thing.get() == 'made' and not thing.log.exists()
    assert code_of(pid) == 0
    (line,) = [record.getMessage() for record in caplog.records if record.module == 'made_once']
    assert line.startswith(f'Waiting for the thing: made by process {pid} on ')
    assert line.endswith('(1,000 of 85,000 images so far)')


@pytest.mark.parametrize('how', [signal.SIGKILL, None])
def test_the_next_one_goes_on_where_the_first_was_killed_or_failed(thing: Thing, how: Optional[int]) -> None:
    def begin(say: Callable[[str], None]) -> str:
        (thing.path.parent / 'ready').touch()
        time.sleep(60 if how else 0.02)
        raise ValueError('a damaged image')

    pid = in_child(lambda: made_once.made_once(thing.path, 'the thing', thing.load, begin), wait=False)
    wait_for(thing.path.parent / 'ready')
    if how:
        threading.Timer(0.1, os.kill, (pid, how)).start()
    assert thing.get() == 'made' and thing.makers == [os.getpid()]
    os.waitpid(pid, 0)
    assert sorted(os.listdir(thing.path.parent)) == ['log', 'ready', 'thing']


def test_a_holder_that_gives_no_signs_is_left_behind(
    thing: Thing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(made_once, 'SILENT_SECONDS', 0.1)

    def hold_and_stop() -> None:
        held = hold(f'{thing.path}.lock')
        (thing.path.parent / 'ready').touch()
        wait_for(thing.path)
        held.release()
        assert Path(f'{thing.path}.lock').exists()  # that of the other process, by now

    pid = in_child(hold_and_stop, wait=False)
    wait_for(thing.path.parent / 'ready')

    def make(say: Callable[[str], None]) -> str:
        thing.path.write_text('made')
        assert code_of(pid) == 0
        return 'made'

    assert made_once.made_once(thing.path, 'the thing', thing.load, make) == 'made'
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert f'process {pid} on ' in warning and 'has given no sign for 0 s' in warning
    assert not Path(f'{thing.path}.lock').exists()


def test_the_file_of_the_next_holder_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made_once, 'SILENT_SECONDS', -1)
    lock = tmp_path / 'thing.lock'
    for there, stays in (('the next one', True), ('the silent one', False)):
        lock.write_text(there)
        made_once._Waiting('the thing').look_at(lock, 'the silent one')
        assert lock.exists() == stays


def test_without_locks_in_the_folder_one_process_of_the_machine_makes_it(
    thing: Thing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(made_once.tempfile, 'gettempdir', lambda: str(tmp_path / 'own'))
    (tmp_path / 'own').mkdir()
    on_any_file_system = locks.hold
    monkeypatch.setattr(
        made_once, 'hold', lambda path: None if Path(path).parent == tmp_path else on_any_file_system(path)
    )

    def get() -> None:
        assert thing.get() == 'made'

    assert [code_of(pid) for pid in [in_child(get, wait=False) for _ in range(3)]] == [0] * 3
    assert len(thing.makers) == 1


def test_where_nothing_can_be_locked_everyone_makes_it(thing: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made_once, 'hold', lambda path: None)
    assert thing.get() == 'made'
    (thing.path.parent / 'file').write_text('')
    made = made_once.made_once(thing.path.parent / 'file' / 'thing', 'it', lambda: None, lambda say: 'in memory')
    assert made == 'in memory'
