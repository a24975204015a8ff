"""kill -9 at random moments: nothing half-made is taken for whole, and run again the work ends as if never killed."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

import killed_work
import warm_processes
from bsr_plugins.runs.checkpoint_files import what_pair_lacks
from training_runs import everything

pytest.importorskip('basicsr')
lmdb = pytest.importorskip('lmdb')

#: A run saves four pairs. A file of a pair is: half written, flushed, moved, its folder flushed.
EVENTS = 4 * 2 * 4
ROUNDS = [pytest.param(range(5), id='5'), pytest.param(range(5, 55), id='50', marks=pytest.mark.slow)]


def content(folder: Path) -> Dict[str, Any]:
    """Return all that an LMDB says, but for the place where its pages lie in the file."""
    with lmdb.open(str(folder), readonly=True, lock=False) as env, env.begin() as transaction:
        records = [(bytes(key), bytes(value)) for key, value in transaction.cursor()]
    return {'records': records, **{name: (folder / name).read_bytes() for name in ('meta_info.txt', 'manifest.json')}}


class Killer:
    """Starts work and kills it at a moment of its duration, which is measured and follows the machine's load."""

    def __init__(self, work: Callable[..., Any], folder: Path) -> None:
        self.work, self.folder = work, folder
        warm_processes.finish(time.sleep, folder, 0)
        start = time.monotonic()
        self.finish('whole')
        self.seconds = time.monotonic() - start

    def finish(self, out: str) -> None:
        warm_processes.finish(self.work, self.folder, out)

    def kill(self, out: str, draws: random.Random) -> bool:
        """Return whether the kill came before the work had ended."""
        killed = warm_processes.kill(warm_processes.start(self.work, self.folder, out), draws.uniform(0, self.seconds))
        if not killed:
            self.seconds *= 0.8
        return killed


@pytest.mark.parametrize('rounds', ROUNDS)
def test_making_lmdbs(rounds: range, project: Path) -> None:
    killer = Killer(killed_work.make_lmdbs, project)
    expected = {path.name: content(path) for path in sorted((project / 'whole').iterdir())}
    assert list(expected) == ['HR_sub.lmdb', 'LR_sub_x2.lmdb']
    for number in rounds:
        draws, out = random.Random(number), project / f'new{number}'
        while not killer.kill(out.name, draws):
            shutil.rmtree(out)
        for path in out.glob('*.lmdb'):
            assert content(path) == expected[path.name]
        killer.finish(out.name)
        assert {path.name: content(path) for path in sorted(out.iterdir())} == expected


@pytest.mark.parametrize('rounds', ROUNDS)
def test_scoring(rounds: range, project: Path) -> None:
    killer = Killer(killed_work.score, project)
    expected = (project / 'whole').read_bytes()
    for number in rounds:
        draws, path = random.Random(number), project / f'new{number}'
        while not killer.kill(path.name, draws):
            path.unlink()
        assert not path.exists() or path.read_bytes() == expected
        killer.finish(path.name)
        assert path.read_bytes() == expected
        assert not path.with_name(f'{path.name}.partial').exists()


@pytest.mark.parametrize('rounds', ROUNDS)
@pytest.mark.parametrize('model', ['BSPAModel', 'SRModel'])
def test_saving(rounds: range, model: str, project: Path, same: Callable[..., None]) -> None:
    whole, run = project.parent / 'whole', project / 'experiments' / 't'
    text = (
        (project / 'train.yml')
        .read_text()
        .replace('BSPAModel', model)
        .replace('checkpoint_freq: 2', 'checkpoint_freq: 1')
    )
    (project / 'train.yml').write_text(text)
    shutil.rmtree(project / 'experiments')
    warm_processes.finish(killed_work.train, project)
    run.rename(whole)
    opt = {'network_g': {}, 'path': {'models': str(run / 'models')}}
    for number in rounds:
        process = warm_processes.start(killed_work.train, project, random.Random(number).randrange(EVENTS))
        process.join(120)
        assert process.exitcode == -9, (project / 'output.txt').read_text()
        for state in run.glob('training_states/[0-9]*.state'):
            assert what_pair_lacks(state, opt) is None
        warm_processes.finish(killed_work.train, project)
        if model == 'BSPAModel':
            same(everything(run, 4), everything(whole, 4))
        else:
            # A stock resume starts its epoch over; that it goes on from a whole pair is what is asked of it.
            assert what_pair_lacks(run / 'training_states' / '4.state', opt) is None
        for folder in ('models', 'training_states'):
            assert not [path for path in (run / folder).iterdir() if path.name.startswith('.')]
        shutil.rmtree(project / 'experiments')
