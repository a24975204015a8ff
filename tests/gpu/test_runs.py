"""Whole runs on the GPU: BSPA, a stop and its exact resume, the state on the CPU, two cards."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
import yaml

from bsr_plugins.runs import stop_signals
from training_runs import cut_copy, everything, log_of
from two_processes import train_in_two

pytestmark = pytest.mark.gpu


def test_bspa_stops_and_resumes_exactly(
    bspa_options: Dict[str, Any],
    train: Callable[..., Path],
    tmp_path: Path,
    deterministic: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Inside an inverse stage and behind the round, with workers and whatever prefetches; the weights to the bit."""
    from bsr_plugins.models.bspa_model import BSPAModel

    bspa_options['logger']['save_checkpoint_freq'] = 4
    whole = train(bspa_options, tmp_path / 'whole')
    assert 'BSPA round 1' in log_of(whole)
    expected = everything(whole, 8)['weights']

    resumed = cut_copy(whole, tmp_path / 'resumed', 4)
    train(bspa_options, tmp_path / 'resumed', '--auto_resume')
    assert_equal(everything(resumed, 8)['weights'], expected)

    optimize = BSPAModel.optimize_parameters

    def stopped(self: Any, iteration: int) -> None:
        optimize(self, iteration)
        if iteration == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(BSPAModel, 'optimize_parameters', stopped)
    with pytest.raises(stop_signals.Stopped), stop_signals.handling_stop_signals():
        train(bspa_options, tmp_path / 'stopped')
    monkeypatch.setattr(BSPAModel, 'optimize_parameters', optimize)
    run = train(bspa_options, tmp_path / 'stopped', '--auto_resume')
    assert_equal(everything(run, 8)['weights'], expected)


def assert_equal(found: Any, expected: Any) -> None:
    for key in expected:
        for name, value in expected[key].items():
            assert torch.equal(value.cpu(), found[key][name].cpu()), (key, name)


@pytest.mark.parametrize('optimizer', [{}, {'fused': True}], ids=['plain', 'fused'])
def test_a_resumed_adam_counts_where_it_did(
    optimizer: Dict[str, Any],
    run_options: Dict[str, Any],
    train: Callable[..., Path],
    device: torch.device,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the CPU but for a fused one: a count on the device is read by a wait for every parameter."""
    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel

    run_options['train']['optim_g'].update(optimizer)
    run_options['logger']['save_checkpoint_freq'] = 2
    whole = train(run_options, tmp_path / 'whole')
    cut_copy(whole, tmp_path / 'resumed', 2)
    places = set()
    resume = RebalancedSRModel.resume_training

    def noted(self: Any, state: Any) -> None:
        resume(self, state)
        places.update(
            (values['step'].device.type, values['exp_avg'].device.type) for values in self.optimizer_g.state.values()
        )

    monkeypatch.setattr(RebalancedSRModel, 'resume_training', noted)
    train(run_options, tmp_path / 'resumed', '--auto_resume')
    assert places == {(device.type if optimizer else 'cpu', device.type)}


def test_two_cards(bspa_options: Dict[str, Any], device: torch.device, tmp_path: Path) -> None:
    """NCCL; without a GPU two processes of gloo. The replicas are equal to the bit, the round's masks among them."""
    if device.type == 'cuda' and torch.cuda.device_count() < 2:
        pytest.skip('CUDA has one device: NCCL takes two')
    bspa_options['num_gpu'] = 2 if device.type == 'cuda' else 0
    bspa_options['train'].update(amp='bf16', channels_last=True)
    tmp_path.joinpath('run.yml').write_text(yaml.safe_dump(bspa_options, sort_keys=False))
    output = train_in_two(tmp_path, 'run.yml')
    assert 'BSPA round 1' in output
    first, second = (torch.load(tmp_path / f'run_rank{rank}.pth', map_location='cpu') for rank in range(2))
    for name, value in first['net_g'].items():
        assert torch.equal(value, second['net_g'][name]), name
