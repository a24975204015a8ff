"""Both steps of UDN through BasicSR's unmodified pipeline, Eq. 10 alone and Eq. 6: trained, saved, resumed, refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
import yaml

from bsr_plugins.common.errors import CheckpointError, OptionError
from cpu_autocast import needs_cpu_fp16
from training_runs import cut_copy, load, log_of, weights, without_bspa
from two_processes import train_in_two

Options = Dict[str, Any]
Train = Callable[..., Path]
BRANCH = {'type': 'LogVarianceBranch', 'num_feat': 8}


@pytest.fixture
def options(base_options: Options) -> Options:
    return without_bspa(base_options, 'RebalancedSRModel', total_iter=4, ema_decay=0)


@pytest.fixture
def first_step(options: Options) -> Options:
    options = copy.deepcopy(options)
    del options['train']['pixel_opt']
    options['network_sigma'] = BRANCH
    options['train'].update(sigma_opt={'type': 'UncertaintyEstimationLoss'}, max_loss_jump=1e6)
    return options


def second_step(options: Options, first: Path, **train: Any) -> Options:
    options = copy.deepcopy(options)
    options['name'] = 'udl'
    options['network_sigma'] = BRANCH
    options['train'].update({'pixel_opt': {'type': 'UncertaintyDrivenLoss'}, **train})
    files = str(first / 'models' / 'net_g_4.pth')
    options['path'].update(pretrain_network_g=files, pretrain_network_udn=files)
    return options


@pytest.fixture
def first(first_step: Options, train: Train, tmp_path: Path) -> Path:
    return train(first_step, tmp_path / 'first')


def test_the_first_step_trains_both(first: Path) -> None:
    for name in ('net_g', 'net_sigma'):
        early, late = (load(first, f'{name}_{iteration}.pth')['params'] for iteration in (1, 4))
        assert all(not torch.equal(early[key], late[key]) for key in early)
    assert 'l_sigma' in log_of(first) and 'l_pix' not in log_of(first)


@pytest.mark.parametrize('amp', ['bf16', pytest.param('fp16', marks=needs_cpu_fp16)])
def test_both_steps_in_mixed_precision(
    options: Options, first_step: Options, train: Train, tmp_path: Path, amp: str
) -> None:
    first_step['train']['amp'] = amp
    last = first_step['train']['total_iter'] = 14 if amp == 'fp16' else 4  # grey levels halve the loss scale first
    first = train(first_step, tmp_path / 'first')
    run = train(second_step(options, first, amp=amp), tmp_path / 'second')
    for experiment, end, names in ((first, last, ('net_g', 'net_sigma')), (run, 4, ('net_g',))):
        for name in names:
            early, late = (load(experiment, f'{name}_{iteration}.pth')['params'] for iteration in (1, end))
            assert all(late[key].isfinite().all() and late[key].dtype == torch.float32 for key in late)
            assert any(not torch.equal(early[key], late[key]) for key in early)


@pytest.mark.slow
def test_both_steps_in_two_processes(
    options: Options,
    first_step: Options,
    tmp_path: Path,
    sr_data: Path,
    with_validation: Callable[..., Options],
    same: Callable[..., None],
) -> None:
    second = second_step(options, tmp_path / 'experiments' / 'run')
    for each in (first_step, second):
        each['datasets']['train']['batch_size_per_gpu'] = 1
        each.update(with_validation(each, 4))
        each['val']['per_class'] = str(sr_data / 'HR_sub.lmdb' / 'difficulty_x4.txt')
        (tmp_path / f'{each["name"]}.yml').write_text(yaml.safe_dump(each))
    train_in_two(tmp_path, 'run.yml', 'udl.yml')
    for name, networks in (('run', ['net_g', 'net_sigma']), ('udl', ['net_g'])):
        held = [torch.load(tmp_path / f'{name}_rank{rank}.pth', weights_only=True) for rank in range(2)]
        assert list(held[0]) == networks
        same(*held)
        log = log_of(tmp_path / 'experiments' / name)
        assert log.count('# psnr_worst_decile: ') == 2 and ('frozen' in log) == (name == 'udl')
        assert any(
            not torch.equal(late, load(tmp_path / 'experiments' / name, 'net_g_1.pth')['params'][key])
            for key, late in held[0]['net_g'].items()
        )


@pytest.mark.parametrize('engine', [{}, {'amp': 'bf16', 'accumulate': 2}], ids=['plain', 'bf16'])
def test_the_second_step_weights_and_resumes_exactly(
    options: Options,
    first: Path,
    train: Train,
    tmp_path: Path,
    engine: Options,
    with_validation: Callable[..., Options],
    same: Callable[..., None],
) -> None:
    options = with_validation(second_step(options, first, **engine), 2)
    whole = train(options, tmp_path / 'whole')
    assert not list(whole.glob('models/net_sigma_*')) and set(load(whole, 'net_g_4.pth')) == {'params'}
    assert 'frozen' in log_of(whole) and '# psnr' in log_of(whole)
    cut_copy(whole, tmp_path / 'resumed', 2)
    resumed = train(options, tmp_path / 'resumed', '--auto_resume')
    for name in ('net_g_4.pth', '4.state'):
        same(load(resumed, name), load(whole, name))
    assert 'with another uncertainty' not in log_of(resumed)


def test_the_first_update_is_that_of_l1_with_these_weights(
    options: Options, first: Path, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bsr_plugins.losses import uncertainty_driven_loss as module

    seen = []
    original = module.uncertainty_driven_loss

    def watched(pred: torch.Tensor, target: torch.Tensor, s: torch.Tensor, offset: float) -> torch.Tensor:
        seen.append(s)
        return original(pred, target, s, offset)

    monkeypatch.setattr(module, 'uncertainty_driven_loss', watched)
    run = train(second_step(options, first), tmp_path)
    assert len(seen) == 4 and seen[0].shape == (2, 3, 48, 48)
    assert all(not s.requires_grad and float(s.min()) > -1 for s in seen)
    plain = copy.deepcopy(second_step(options, first))
    plain['train']['pixel_opt'] = {'type': 'L1Loss'}
    plain['path'].pop('pretrain_network_udn')
    plain.pop('network_sigma')
    assert not torch.equal(
        weights(train(plain, tmp_path / 'plain'), 4)['conv_last.weight'], weights(run, 4)['conv_last.weight']
    )


def test_a_first_step_of_other_weights_is_told(options: Options, first: Path, train: Train, tmp_path: Path) -> None:
    options = second_step(options, first)
    cut_copy(train(options, tmp_path / 'whole'), tmp_path / 'resumed', 2)
    (first / 'models' / 'net_g_3.pth').replace(first / 'models' / 'net_g_4.pth')
    assert 'with another uncertainty' in log_of(train(options, tmp_path / 'resumed', '--auto_resume'))
    (first / 'models' / 'net_sigma_4.pth').unlink()
    with pytest.raises(CheckpointError, match='first step of UDN are missing'):
        train(options, tmp_path / 'whole', '--auto_resume')


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda o: o['path'].pop('pretrain_network_udn'), r'path\.pretrain_network_udn'),
        (lambda o: o.pop('network_sigma'), 'the loss alone'),
        (lambda o: o['train'].update(pixel_opt={'type': 'L1Loss'}), 'network alone|read by UncertaintyDrivenLoss'),
        (lambda o: o['train'].update(sigma_opt={'type': 'UncertaintyEstimationLoss'}), 'frozen'),
    ],
)
def test_wrong_options_are_refused(
    options: Options, train: Train, tmp_path: Path, change: Callable[[Options], Any], message: str
) -> None:
    options = second_step(options, tmp_path)
    options['path']['pretrain_network_g'] = None
    change(options)
    with pytest.raises(OptionError, match=message):
        train(options, tmp_path)


@pytest.mark.parametrize('case', ['eq10', 'eq6'])
def test_eq_10_alone_and_a_learned_sigma(
    options: Options, train: Train, tmp_path: Path, case: str, same: Callable[..., None]
) -> None:
    options['network_sigma'] = {'type': 'SigmaBranch', 'num_feat': 8, 'num_conv': 2}
    if case == 'eq10':
        del options['train']['pixel_opt']
        options['train']['sigma_opt'] = {'type': 'SigmaLoss', 'target': 'signed', 'detach_pred': False}
    else:
        options['train']['pixel_opt'] = {'type': 'ExpectationLoss', 'noise_scale': 'sigma', 'threshold': 'none'}
    whole = train(options, tmp_path / 'whole')
    for name in ('net_g', 'net_sigma'):
        early, late = (load(whole, f'{name}_{iteration}.pth')['params'] for iteration in (1, 4))
        assert all(not torch.equal(early[key], late[key]) for key in early)
    logged = {'eq10': 'l_sigma', 'eq6': 'l_pix'}
    assert all((name in log_of(whole)) == (name == logged[case]) for name in logged.values())
    cut_copy(whole, tmp_path / 'resumed', 2)
    resumed = train(options, tmp_path / 'resumed', '--auto_resume')
    for name in ('net_g_4.pth', 'net_sigma_4.pth', '4.state'):
        same(load(resumed, name), load(whole, name))


def test_eq_10_alone_with_mu_detached_is_refused(options: Options, train: Train, tmp_path: Path) -> None:
    del options['train']['pixel_opt']
    options['network_sigma'] = {'type': 'SigmaBranch', 'num_feat': 8, 'num_conv': 2}
    options['train']['sigma_opt'] = {'type': 'SigmaLoss'}
    with pytest.raises(OptionError, match='nothing would train network_g'):
        train(options, tmp_path)
