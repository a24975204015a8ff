"""Named losses through BasicSR's unmodified train_pipeline: logged, summed, given lq and keyed noise, resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
from torch import Tensor, nn

from bsr_plugins.common.errors import OptionError
from training_runs import log_of, weights, without_bspa

Options = Dict[str, Any]
Train = Callable[..., Path]


class ProbeLqLoss(nn.Module):
    """L1 against what lq says the mean should be."""

    def forward(self, pred: Tensor, target: Tensor, weight: Any = None, lq: Any = None) -> Tensor:
        assert lq.shape[-1] * 4 == target.shape[-1]
        return (pred.mean() - lq.mean()).abs()


class ProbeNoisyLoss(nn.Module):
    """L1 against a noisy target."""

    takes_noise = True

    def draw_noise(self, pred: Tensor, generator: torch.Generator) -> Tensor:
        return torch.randn(pred.shape, generator=generator, device=pred.device)

    def forward(self, pred: Tensor, target: Tensor, weight: Any = None, noise: Any = None) -> Tensor:
        return (pred - target - 0.1 * noise).abs().mean()


@pytest.fixture(scope='module', autouse=True)
def probes() -> None:
    import basicsr.losses  # noqa: F401
    from basicsr.utils.registry import LOSS_REGISTRY

    for probe in (ProbeLqLoss, ProbeNoisyLoss):
        if probe.__name__ not in LOSS_REGISTRY:
            LOSS_REGISTRY.register(probe)


@pytest.fixture
def options(base_options: Options) -> Options:
    return without_bspa(base_options, 'RebalancedSRModel', total_iter=6)


def test_one_named_loss_in_place_of_the_slot_trains_alike(
    options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    slot = train(options, tmp_path / 'slot')
    options['train']['losses'] = {'edge': options['train'].pop('pixel_opt')}
    named = train(options, tmp_path / 'named')
    same(weights(named, 6), weights(slot, 6))
    assert 'l_edge' in log_of(named) and 'l_pix' not in log_of(named)


def test_losses_add_up(options: Options, train: Train, tmp_path: Path, same: Callable[..., None]) -> None:
    options['train']['pixel_opt']['loss_weight'] = 2.0
    double = train(options, tmp_path / 'double')
    options['train']['pixel_opt']['loss_weight'] = 1.0
    options['train']['losses'] = {'again': {'type': 'L1Loss'}}
    both = train(options, tmp_path / 'both')
    same(weights(both, 6), weights(double, 6))
    assert 'l_pix' in log_of(both) and 'l_again' in log_of(both)


def test_lq_and_noise_reach_the_losses_and_a_resume_repeats_them(
    options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    options['train'].pop('pixel_opt')
    options['train']['losses'] = {'base': {'type': 'ProbeLqLoss'}, 'noisy': {'type': 'ProbeNoisyLoss'}}
    whole = train(options, tmp_path / 'whole')
    import shutil

    resumed = tmp_path / 'resumed' / 'experiments' / 'run'
    shutil.copytree(whole, resumed)
    for late in (*resumed.glob('*/net_g_[456]*.pth'), *resumed.glob('training_states/[456].state')):
        late.unlink()
    train(options, tmp_path / 'resumed', '--auto_resume')
    same(weights(resumed, 6), weights(whole, 6))
    options['manual_seed'] = 4
    options['path']['pretrain_network_g'] = str(whole / 'models' / 'net_g_1.pth')
    assert not torch.equal(
        weights(train(options, tmp_path / 'other'), 6)['conv_last.weight'], weights(whole, 6)['conv_last.weight']
    )


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda t: t.pop('pixel_opt'), 'Both pixel and perceptual losses are None'),
        (lambda t: t.update(losses={'x': {'type': 'L1Loss', 'wieght': 1}}), 'wieght'),
        (lambda t: (t.pop('pixel_opt'), t.update(losses={'x': {'type': 'L1Loss', 'wieght': 1}})), 'train.losses.x'),
        (lambda t: t.update(losses={'x': {'type': 'L1Lss'}}), "did you mean 'L1Loss'?"),
    ],
)
def test_wrong_losses_are_refused(
    options: Options, train: Train, tmp_path: Path, change: Callable[[Options], Any], message: str
) -> None:
    change(options['train'])
    with pytest.raises((OptionError, ValueError)) as caught:
        train(options, tmp_path)
    assert message in str(caught.value)
