"""A run killed between a save and the validation of its iteration: it is made up, and nothing else moves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from bsr_plugins.models.owed_validation import FILE_NAME
from bsr_plugins.models.rebalanced_sr_model import RebalancedTraining
from training_runs import cut_copy, everything, load, log_of, without_bspa

Options = Dict[str, Any]
Train = Callable[..., Path]
TOTAL = 8


class Killed(BaseException):
    """In place of kill -9: nothing of the process runs any more."""


@pytest.fixture
def options(base_options: Options, with_validation: Callable[..., Options], sr_data: Path) -> Options:
    found = with_validation(without_bspa(base_options, 'RebalancedSRModel', total_iter=TOTAL), 2)
    found['val']['save_best'] = 'psnr'
    # As in a folder of two images.
    found['datasets']['val']['meta_info_file'] = str(sr_data / 'two.txt')
    return found


@pytest.fixture
def kill_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[..., bool]], None]:
    """Return ``kill_in(method, when)``: the run dies where ``when(model, *arguments)`` before ``method`` is called."""

    def arrange(method: str, when: Callable[..., bool]) -> None:
        upstream = getattr(RebalancedTraining, method)

        def killed(self: Any, *args: Any, **kwargs: Any) -> Any:
            if when(self, *args):
                monkeypatch.setattr(RebalancedTraining, method, upstream)
                raise Killed
            return upstream(self, *args, **kwargs)

        monkeypatch.setattr(RebalancedTraining, method, killed)

    return arrange


def best_of(run: Path) -> Any:
    return json.loads((run / 'models' / 'net_g_best.json').read_text())


def validations(run: Path) -> List[str]:
    """Return the values of all validations of the last part of a run, in their order."""
    return [line for line in log_of(run).splitlines() if '# psnr:' in line]


# Each validation is better than the one before, or (lower) worse than the first.
@pytest.mark.parametrize('iteration, better', [(2, 'lower'), (4, 'higher'), (6, 'lower'), (8, 'higher')])
def test_a_validation_that_was_cut_off_is_made_up(
    options: Options,
    iteration: int,
    better: str,
    train: Train,
    train_once: Train,
    tmp_path: Path,
    kill_in: Any,
    same: Any,
) -> None:
    options['val']['metrics']['psnr']['better'] = better
    whole = train_once(options)
    kill_in('validation', lambda model, loader, current_iter, *more: current_iter == iteration)
    with pytest.raises(Killed):
        train(options, tmp_path / 'killed')
    resumed = train(options, tmp_path / 'killed', '--auto_resume')
    log = log_of(resumed)
    # Behind the last iteration BasicSR validates in any case.
    assert (f'the validation of iteration {iteration}, which was cut off, is made up' in log) == (iteration < TOTAL)
    assert 'Resume: exact' in log
    assert validations(resumed) == validations(whole)[iteration // 2 - 1 + (iteration == TOTAL) :]
    assert best_of(resumed) == best_of(whole)
    same(load(resumed, 'net_g_best.pth'), load(whole, 'net_g_best.pth'))
    expected, found = everything(whole, TOTAL), everything(resumed, TOTAL)
    same(found, expected)


def test_a_validation_that_ended_is_not_run_again(
    options: Options, train: Train, train_once: Train, tmp_path: Path
) -> None:
    whole = train_once(options)
    run = cut_copy(whole, tmp_path / 'resumed', 4)
    # As the run had left it when it was killed in iteration 5.
    best = {name: dict(value) for name, value in load(whole, '6.state')['bsr_plugins']['metrics'].items()}
    (run / 'models' / FILE_NAME).write_text(json.dumps({'iteration': 4, 'metrics': best}))
    resumed = train(options, tmp_path / 'resumed', '--auto_resume')
    assert 'is made up' not in log_of(resumed)
    assert validations(resumed) == validations(whole)[2:]


@pytest.mark.parametrize('stage', ['of two', 'between the weights and their record'])
def test_a_kill_in_the_midst_of_it(
    options: Options,
    stage: str,
    train: Train,
    train_once: Train,
    tmp_path: Path,
    kill_in: Any,
    same: Any,
    monkeypatch: Any,
) -> None:
    options['datasets']['val_2'] = {**options['datasets']['val'], 'name': 'second'}
    whole = train_once(options)
    if stage == 'of two':
        kill_in(
            'validation',
            lambda model, loader, current_iter, *more: current_iter == 4 and loader.dataset.opt['name'] == 'second',
        )
    else:
        from bsr_plugins.models.best_weights import BestWeights

        write = BestWeights.write

        def killed(self: Any) -> None:
            if self.model.iteration == 4:
                monkeypatch.setattr(BestWeights, 'write', write)
                raise Killed
            write(self)

        monkeypatch.setattr(BestWeights, 'write', killed)
    with pytest.raises(Killed):
        train(options, tmp_path / 'killed')
    resumed = train(options, tmp_path / 'killed', '--auto_resume')
    assert 'validation of iteration 4, which was cut off, is made up' in log_of(resumed)
    assert best_of(resumed) == best_of(whole)
    same(load(resumed, 'net_g_best.pth'), load(whole, 'net_g_best.pth'))
    same(everything(resumed, TOTAL), everything(whole, TOTAL))


def test_an_older_state_forgets_what_came_after_it(
    options: Options, train: Train, train_once: Train, tmp_path: Path
) -> None:
    whole = train_once(options)
    assert json.loads((whole / 'models' / FILE_NAME).read_text())['iteration'] == TOTAL
    run = cut_copy(whole, tmp_path / 'resumed', 3)
    options['train']['total_iter'] = 3
    shutil.copytree(tmp_path / 'resumed', tmp_path / 'again')
    train(options, tmp_path / 'resumed', '--auto_resume')
    assert json.loads((run / 'models' / FILE_NAME).read_text())['iteration'] == 3


def test_where_no_validation_falls_due_none_is_owed(
    options: Options, train: Train, train_once: Train, tmp_path: Path
) -> None:
    whole = train_once(options)
    cut_copy(whole, tmp_path / 'resumed', 5)
    assert 'is made up' not in log_of(train(options, tmp_path / 'resumed', '--auto_resume'))
    del options['val'], options['datasets']['val']
    cut_copy(whole, tmp_path / 'without', 4)
    assert 'is made up' not in log_of(train(options, tmp_path / 'without', '--auto_resume'))


def test_a_stop_behind_a_validation_keeps_its_results(
    options: Options, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: Any
) -> None:
    """The state of a stop is saved when the iteration is over, its validation included."""
    import os
    import signal

    from bsr_plugins.runs import stop_signals

    options['logger']['save_checkpoint_freq'] = 100
    whole = train(options, tmp_path / 'whole')
    upstream = RebalancedTraining.optimize_parameters

    def step(self: Any, current_iter: int, *args: Any) -> None:
        upstream(self, current_iter, *args)
        if current_iter == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(RebalancedTraining, 'optimize_parameters', step)
    with pytest.raises(stop_signals.Stopped), stop_signals.handling_stop_signals():
        train(options, tmp_path / 'stopped')
    monkeypatch.setattr(RebalancedTraining, 'optimize_parameters', upstream)
    run = tmp_path / 'stopped' / 'experiments' / 'run'
    assert load(run, '4.state')['bsr_plugins']['validated'] == 4
    (run / 'models' / FILE_NAME).unlink()
    resumed = train(options, tmp_path / 'stopped', '--auto_resume')
    assert 'is made up' not in log_of(resumed)
    assert best_of(resumed) == best_of(whole) and validations(resumed) == validations(whole)[2:]
    same(load(resumed, 'net_g_latest.pth'), load(whole, 'net_g_latest.pth'))
