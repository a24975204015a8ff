"""The pack's losses in BasicSR's unmodified pipeline: in its own SRModel wherever they need no lq, and in ours."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch

from bsr_plugins.common.errors import OptionError

Options = Dict[str, Any]
Train = Callable[..., Path]


def two_iterations(options: Options, model_type: str = 'SRModel', **pixel_opt: Any) -> Options:
    options = copy.deepcopy(options)
    options.update(model_type=model_type)
    del options['datasets']['train']['inverse'], options['train']['bspa']
    options['train'].update(total_iter=2, pixel_opt=pixel_opt)
    return options


def weights(experiment: Path) -> Dict[str, torch.Tensor]:
    return torch.load(experiment / 'models' / 'net_g_2.pth', weights_only=True)['params']


@pytest.fixture
def l1_weights(base_options: Options, train: Train, tmp_path: Path) -> Dict[str, torch.Tensor]:
    return weights(train(two_iterations(base_options, type='L1Loss'), tmp_path / 'l1'))


@pytest.mark.parametrize(
    'pixel_opt',
    [
        {'type': 'FocalPixelLoss', 'scale': 4, 'alpha_sp': 1.0, 'gamma_sp': 0, 'gamma_lp': 0},
        {'type': 'HybridLpLoss', 'l2_weight': 0, 'lp_weight': 0},
    ],
    ids=['fpl', 'hybrid'],
)
def test_as_l1_they_train_stock_srmodel_to_the_bit(
    base_options: Options,
    train: Train,
    tmp_path: Path,
    pixel_opt: Any,
    l1_weights: Dict[str, torch.Tensor],
    same: Callable[..., None],
) -> None:
    same(weights(train(two_iterations(base_options, **pixel_opt), tmp_path / 'ours')), l1_weights)


@pytest.mark.parametrize(
    'pixel_opt', [{'type': 'FocalPixelLoss', 'scale': 4}, {'type': 'ExpectationLoss'}], ids=['fpl', 'l_e']
)
def test_in_stock_srmodel_a_run_repeats_itself(
    base_options: Options,
    train: Train,
    tmp_path: Path,
    pixel_opt: Any,
    l1_weights: Dict[str, torch.Tensor],
    same: Callable[..., None],
) -> None:
    options = two_iterations(base_options, **pixel_opt)
    first, second = (weights(train(options, tmp_path / run)) for run in ('first', 'second'))
    same(first, second)
    name = 'conv_first.weight'
    assert first[name].isfinite().all() and not torch.equal(first[name], l1_weights[name])


def test_fpl_is_given_lq_by_our_model_and_asks_for_scale_in_stock(
    base_options: Options, train: Train, tmp_path: Path
) -> None:
    ours = train(two_iterations(base_options, 'RebalancedSRModel', type='FocalPixelLoss'), tmp_path / 'ours')
    assert weights(ours)['conv_first.weight'].isfinite().all()
    with pytest.raises(OptionError, match='(?s)RebalancedSRModel.*set scale'):
        train(two_iterations(base_options, type='FocalPixelLoss'), tmp_path / 'stock')


def test_sigma_loss_is_no_pixel_loss(base_options: Options, train: Train, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match='(?s)train.sigma_opt.*network_sigma'):
        train(two_iterations(base_options, type='SigmaLoss'), tmp_path / 'run')
