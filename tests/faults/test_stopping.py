"""SIGTERM and Ctrl-C in training: a pair is saved as the iteration ends; resumed, the run is the uninterrupted one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import pytest

import killed_work
import warm_processes
from training_runs import everything, weights

Call = Callable[[Sequence[str], Path], int]
FEW = ['--force_yml', 'logger:save_checkpoint_freq=100', 'train:total_iter=7']
TRAIN = ['basicsr', 'train', '-opt', 'train.yml', *FEW]


def fresh(project: Path) -> Path:
    shutil.rmtree(project / 'experiments')
    return project / 'experiments' / 't'


def states(run: Path) -> List[str]:
    return sorted(path.name for path in run.glob('*/*') if path.suffix in ('.state', '.pth'))


@pytest.fixture
def signal_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sends this process signals at the start of the n-th call of a method."""

    def arrange(owner: type, name: str, call: int, *numbers: int) -> None:
        original, calls = getattr(owner, name), []

        def method(*args: Any, **kwargs: Any) -> Any:
            calls.append(1)
            if len(calls) == call:
                for number in numbers:
                    os.kill(os.getpid(), number)
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, method)

    return arrange


@pytest.mark.parametrize(('number', 'code'), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize(
    ('method', 'nth', 'iteration'),
    [('optimize_parameters', 2, 2), ('optimize_parameters', 3, 3), ('hold_round', 1, 3), ('optimize_parameters', 7, 7)],
)
def test_the_resumed_run_ends_as_the_uninterrupted_one(
    project: Path,
    call: Call,
    signal_in: Callable[..., None],
    same: Callable[..., None],
    capfd: pytest.CaptureFixture[str],
    number: int,
    code: int,
    method: str,
    nth: int,
    iteration: int,
) -> None:
    from bsr_plugins.models.bspa import BSPA
    from bsr_plugins.models.bspa_model import BSPAModel

    run = fresh(project)
    before = signal.getsignal(number)
    with pytest.MonkeyPatch.context():
        signal_in(BSPA if method == 'hold_round' else BSPAModel, method, nth, number)
        assert call(TRAIN, project) == code
    assert signal.getsignal(number) is before
    assert states(run) == [f'{iteration}.state', f'net_g_{iteration}.pth']
    said = capfd.readouterr().err
    name = signal.Signals(number).name
    assert f'{name}: saving, then stopping' in said
    assert f'stopped by {name}; weights and state are saved' in said and f'{iteration}.state' in said
    assert 'Traceback' not in said

    last = [*TRAIN, '--auto_resume']
    last[last.index('logger:save_checkpoint_freq=100')] = 'logger:save_checkpoint_freq=7'
    assert call(last, project) == 0
    if iteration == 7:
        return
    resumed = everything(run, 7)
    fresh(project)
    last.remove('--auto_resume')
    assert call(last, project) == 0
    same(resumed, everything(run, 7))


def test_stock_models_stop_and_resume_as_from_any_state_of_theirs(
    project: Path, call: Call, signal_in: Callable[..., None], same: Callable[..., None]
) -> None:
    from basicsr.models.sr_model import SRModel

    text = (project / 'train.yml').read_text()
    (project / 'train.yml').write_text(text.replace('BSPAModel', 'SRModel'))
    run = fresh(project)
    with pytest.MonkeyPatch.context():
        signal_in(SRModel, 'optimize_parameters', 3, signal.SIGTERM)
        assert call(TRAIN, project) == 143
    stopped = everything(run, 3)
    assert call([*TRAIN, '--auto_resume'], project) == 0
    resumed = weights(run, 'latest')
    fresh(project)
    saving = [argument.replace('freq=100', 'freq=3') for argument in TRAIN]
    saving[-1] = 'train:total_iter=4'
    assert call(saving, project) == 0
    regular = everything(run, 3)
    for saved in (regular, stopped):
        # It tells the two apart by their total_iter.
        del saved['state']['bsr_plugins_run']['options']['train.total_iter']
    same(regular, stopped)
    for path in run.glob('models/*latest*'):
        path.unlink()
    assert call([*TRAIN, '--auto_resume'], project) == 0
    same(weights(run, 'latest'), resumed)


def test_a_second_signal_stops_at_once(
    project: Path,
    call: Call,
    signal_in: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from bsr_plugins.models.bspa_model import BSPAModel

    monkeypatch.setattr('bsr_plugins.runs.stop_signals.SAME_REQUEST_SECONDS', 0.0)
    run = fresh(project)
    signal_in(BSPAModel, 'optimize_parameters', 2, signal.SIGTERM, signal.SIGTERM)
    assert call(TRAIN, project) == 143
    assert states(run) == []
    assert 'what was trained since the last saved state is lost' in capfd.readouterr().err


def test_a_launcher_that_passes_the_signal_on_is_no_second_one(
    project: Path, call: Call, signal_in: Callable[..., None]
) -> None:
    from bsr_plugins.models.bspa_model import BSPAModel

    run = fresh(project)
    signal_in(BSPAModel, 'optimize_parameters', 2, signal.SIGTERM, signal.SIGINT)
    assert call(TRAIN, project) == 143
    assert states(run) == ['2.state', 'net_g_2.pth']


@pytest.mark.parametrize(
    ('number', 'code', 'words'), [(signal.SIGTERM, 143, 'stopped by SIGTERM'), (signal.SIGINT, 130, 'interrupted')]
)
def test_before_training_has_begun_the_first_one_stops_at_once(
    project: Path,
    call: Call,
    signal_in: Callable[..., None],
    number: int,
    code: int,
    words: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from bsr_plugins.models.bspa_model import BSPAModel

    run = fresh(project)
    signal_in(BSPAModel, 'init_training_settings', 1, number)
    assert call(TRAIN, project) == code
    assert states(run) == [] and words in capfd.readouterr().err


def test_a_full_disk_at_the_stop_is_an_error_and_no_success(
    project: Path,
    call: Call,
    signal_in: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from bsr_plugins.models.bspa_model import BSPAModel

    def full(content: Any, file: Any, *args: Any) -> None:
        raise OSError(28, 'No space left on device')

    run = fresh(project)
    signal_in(BSPAModel, 'optimize_parameters', 2, signal.SIGTERM)
    monkeypatch.setattr('torch.save', full)
    assert call(TRAIN, project) == 2
    said = capfd.readouterr().err
    assert 'net_g_2.pth cannot be written: the disk is full' in said and 'MiB free' in said
    assert states(run) == []


def start(project: Path, environment: Dict[str, Any], *command: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, '-m', *command],
        cwd=project,
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_iterations(run: Path, count: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if any(f'iter:{count:8,d},' in path.read_text() for path in run.glob('*.log')):
            return
        time.sleep(0.02)
    raise AssertionError('training did not begin')


def test_a_signal_to_every_process_leaves_workers_to_the_training(project: Path) -> None:
    run = fresh(project)
    text = (project / 'train.yml').read_text().replace('num_worker_per_gpu: 0', 'num_worker_per_gpu: 2')
    (project / 'train.yml').write_text(
        text.replace('BSPAModel', 'RebalancedSRModel').replace('total_iter: 4', 'total_iter: 4000')
    )
    process = warm_processes.start(
        killed_work.train_apart, project, '--force_yml', 'logger:save_checkpoint_freq=100000'
    )
    wait_for_iterations(run, 3)
    os.killpg(process.pid, signal.SIGINT)
    process.join(60)
    output = (project / 'output.txt').read_text()
    assert process.exitcode == 130, output
    assert 'Traceback' not in output and 'KeyboardInterrupt' not in output, output
    assert len(states(run)) == 2


@pytest.mark.slow
def test_two_processes_stop_in_the_same_iteration(project: Path, environment: Dict[str, Any]) -> None:
    run = fresh(project)
    text = (project / 'train.yml').read_text().replace('BSPAModel', 'RebalancedSRModel')
    (project / 'train.yml').write_text(text.replace('total_iter: 4', 'total_iter: 4000'))
    port = 20000 + os.getpid() % 20000
    process = start(
        project,
        environment,
        'torch.distributed.run',
        '--nproc_per_node',
        '2',
        '--master_port',
        str(port),
        '-m',
        'bsr_plugins',
        'train',
        '-opt',
        'train.yml',
        '--launcher',
        'pytorch',
        '--force_yml',
        'logger:save_checkpoint_freq=100000',
    )
    wait_for_iterations(run, 3)
    children = Path(f'/proc/{process.pid}/task/{process.pid}/children')
    ranks = [
        int(pid) for pid in children.read_text().split() if b'bsr_plugins' in Path(f'/proc/{pid}/cmdline').read_bytes()
    ]
    # One of the two alone: the other has to follow it.
    os.kill(ranks[1], signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert output.count('weights and state are saved') == 1, output
    assert len(states(run)) == 2
