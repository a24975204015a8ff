"""Training loops of forks that count epochs, or read the data, otherwise than BasicSR: exact, or the log says so."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from training_runs import cut_copy, everything, log_of, without_bspa

Options = Dict[str, Any]
Train = Callable[..., Path]

LOOP = '    for epoch in range(start_epoch, total_epochs + 1):\n'
SET_EPOCH = '        train_sampler.set_epoch(epoch)\n'
RESUMED = "        start_epoch = resume_state['epoch']\n"
SAMPLER = '                sampler=train_sampler,\n'
OWN_SAMPLER = '                sampler=torch.utils.data.RandomSampler(train_set),\n'
AHEAD = '    epoch = start_epoch\n    while current_iter <= total_iters:\n        epoch += 1\n'
SKIPS = "        start_epoch = resume_state['epoch'] + 1\n"
LOOPS = {
    # HiT-SR.
    'counts before it begins': {
        LOOP: '    epoch = start_epoch\n    while current_iter <= total_iters:\n        epoch += 1\n'
    },
    'begins the next epoch': {
        RESUMED: "        start_epoch = resume_state['epoch'] + 1\n",
        LOOP: LOOP.replace('+ 1', '+ 9'),
    },
    'counts from zero': {RESUMED: '        start_epoch = 0\n'},
}


@pytest.fixture
def train_by(train: Train, monkeypatch: pytest.MonkeyPatch) -> Callable[[Dict[str, str]], Train]:
    """Return ``train_by(changes)``: the fixture ``train`` with BasicSR's script, in which each text is replaced."""
    module = pytest.importorskip('basicsr.train')
    source = inspect.getsource(module)

    def change(changes: Dict[str, str]) -> Train:
        text = source
        for old, new in changes.items():
            assert text.count(old) == 1
            text = text.replace(old, new)
        namespace = dict(vars(module))
        exec(compile(text, 'train.py', 'exec'), namespace)
        monkeypatch.setattr(module, 'train_pipeline', namespace['train_pipeline'])
        return train

    return change


@pytest.fixture
def options(base_options: Options) -> Options:
    return without_bspa(base_options, 'RebalancedSRModel', total_iter=12)


@pytest.mark.parametrize('loop', LOOPS)
def test_a_loop_that_counts_otherwise_is_resumed_exactly(
    options: Options, loop: str, train_by: Callable[..., Train], tmp_path: Path, same: Callable[..., None]
) -> None:
    """Twice: what the second resume goes on from was saved with the script's own count."""
    train = train_by(LOOPS[loop])
    whole = train(options, tmp_path / 'whole')
    expected = everything(whole, 12)
    run = whole
    for iteration in (3, 6):
        cut_copy(run, tmp_path / f'from_{iteration}', iteration)
        run = train(options, tmp_path / f'from_{iteration}', '--auto_resume')
        assert 'Resume: exact' in log_of(run)
        found = everything(run, 12)
        for state in (expected['state'], found['state']):
            state['epoch'] = None  # the script's own
        same(found, expected)


@pytest.mark.parametrize('saved_by', ['the same loop', "BasicSR's loop"])
@pytest.mark.parametrize('changes', [{SET_EPOCH: ''}, {SET_EPOCH: '', SAMPLER: OWN_SAMPLER}], ids=['untold', 'own'])
def test_what_is_not_exact_is_said(
    options: Options, changes: Dict[str, str], saved_by: str, train_by: Callable[..., Train], tmp_path: Path
) -> None:
    first = train_by(changes if saved_by == 'the same loop' else {})
    cut_copy(first(options, tmp_path / 'whole'), tmp_path / 'resumed', 6)
    log = log_of(train_by(changes)(options, tmp_path / 'resumed', '--auto_resume'))
    assert 'a sampler of its own, or did not tell it the epoch' in log and 'not exact' in log
    assert 'the epoch in progress starts over' in log
