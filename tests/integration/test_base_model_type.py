"""``base_model_type``: our models over a fork's, its pass its own, through BasicSR's unmodified train_pipeline."""
from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch

from bsr_plugins.errors import OptionError, TrainingError
from training_runs import load, log_of, without_bspa

Options = Dict[str, Any]
Train = Callable[..., Path]


@pytest.fixture(scope='module', autouse=True)
def fork_models() -> None:
    """A model with a loss of its own inside its pass, as SAFMN has, and a test of its own, as HAT has."""
    from basicsr.models.sr_model import SRModel
    from basicsr.utils.registry import MODEL_REGISTRY

    class ProbeForkModel(SRModel):
        def feed_data(self, data, is_val=False):
            super().feed_data(data)

        def optimize_parameters(self, current_iter, tb_logger=None):
            self.optimizer_g.zero_grad()
            self.output = self.net_g(self.lq)
            l_pix = self.cri_pix(self.output, self.gt)
            l_fft = 0.1 * (torch.fft.rfft2(self.output) - torch.fft.rfft2(self.gt)).abs().mean()
            (l_pix + l_fft).backward()
            self.optimizer_g.step()
            self.log_dict = self.reduce_loss_dict({'l_pix': l_pix, 'l_fft': l_fft})
            if self.ema_decay > 0:
                self.model_ema(decay=self.ema_decay)

        def test(self):
            super().test()
            self.output = self.output * 0

    if 'ProbeForkModel' not in MODEL_REGISTRY:
        MODEL_REGISTRY.register(ProbeForkModel)


@pytest.fixture
def options(base_options: Options) -> Options:
    return {**without_bspa(base_options, 'RebalancedSRModel', total_iter=4), 'base_model_type': 'ProbeForkModel'}


def test_a_foreign_pass_trains_as_it_does_alone(options: Options, train: Train, tmp_path: Path,
                                                same: Callable[..., None]) -> None:
    ours = train(options, tmp_path / 'ours')
    alone = train({**options, 'model_type': options.pop('base_model_type')}, tmp_path / 'alone')
    same(load(ours, 'net_g_4.pth'), load(alone, 'net_g_4.pth'))
    assert 'l_fft' in log_of(ours) and 'Model [RebalancedProbeForkModel] is created' in log_of(ours)


def test_a_base_with_upstream_s_pass_has_the_whole_engine(options: Options, train: Train, tmp_path: Path,
                                                          same: Callable[..., None]) -> None:
    options['train'].update(accumulate=2, amp='fp16')
    plain = {key: value for key, value in options.items() if key != 'base_model_type'}
    options['base_model_type'] = 'RealESRNetModel'
    from basicsr.models.realesrnet_model import RealESRNetModel
    from basicsr.models.sr_model import SRModel

    from bsr_plugins.models.base_models import over_base
    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel
    derived = over_base(RebalancedSRModel, options)
    assert issubclass(derived, RealESRNetModel) and derived.__name__ == 'RebalancedRealESRNetModel'
    assert derived.optimize_parameters is not SRModel.optimize_parameters
    assert over_base(RebalancedSRModel, plain) is RebalancedSRModel is over_base(RebalancedSRModel, None)
    assert over_base(derived, options) is derived
    run = train(plain, tmp_path)
    assert 'the effective batch is 4' in log_of(run)


@pytest.mark.parametrize('engine', [{}, {'amp': 'bf16', 'channels_last': True, 'compile': True, 'grad_clip': 0.1}],
                         ids=['plain', 'engine'])
def test_losses_sigma_branch_and_engine_get_into_it(options: Options, train: Train, tmp_path: Path, engine: Options,
                                                    same: Callable[..., None],
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    original = torch.compile
    monkeypatch.setattr(torch, 'compile', lambda net: original(net, backend='eager'))
    options['train'].update(engine, sigma_opt={'type': 'SigmaLoss'}, losses={
        'focal': {'type': 'FocalPixelLoss'}, 'expected': {'type': 'ExpectationLoss', 'loss_weight': 0.1}})
    options['network_sigma'] = {'type': 'SigmaBranch', 'num_feat': 8, 'num_conv': 2}
    whole = train(options, tmp_path / 'whole')
    for name in ('l_pix', 'l_fft', 'l_focal', 'l_expected', 'l_sigma'):
        assert f'{name}: ' in log_of(whole)
    assert ('grad_norm: ' in log_of(whole)) == bool(engine)
    first, last = (load(whole, f'net_sigma_{i}.pth')['params'] for i in (1, 4))
    assert not torch.equal(first['body.0.weight'], last['body.0.weight'])
    resumed = tmp_path / 'resumed' / 'experiments' / 'run'
    shutil.copytree(whole, resumed)
    for late in (*resumed.glob('models/net_*_[34]*.pth'), *resumed.glob('training_states/[34].state')):
        late.unlink()
    train(options, tmp_path / 'resumed', '--auto_resume')
    for name in ('net_g_4.pth', 'net_sigma_4.pth', '4.state'):
        same(load(resumed, name), load(whole, name))


def test_a_named_loss_alone_takes_the_pixel_loss_s_place(options: Options, train: Train, tmp_path: Path,
                                                         same: Callable[..., None]) -> None:
    slot = train(options, tmp_path / 'slot')
    options['train']['losses'] = {'edge': options['train'].pop('pixel_opt')}
    named = train(options, tmp_path / 'named')
    same(load(named, 'net_g_4.pth'), load(slot, 'net_g_4.pth'))
    assert 'l_edge: ' in log_of(named) and 'l_pix: ' not in log_of(named)


@pytest.mark.parametrize('key, value', [('amp', 'fp16'), ('accumulate', 2), ('non_finite', 'skip')])
def test_what_needs_the_inside_is_refused(options: Options, train: Train, tmp_path: Path, key: str, value: Any) -> None:
    options['train'][key] = value
    with pytest.raises(OptionError, match='ProbeForkModel has of its own') as caught:
        train(options, tmp_path)
    assert caught.value.where == f'train.{key}'


def test_its_losses_are_guarded(options: Options, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                same: Callable[..., None]) -> None:
    whole = train(options, tmp_path / 'whole')
    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel
    original = RebalancedSRModel._loss

    def loss(self: Any, criterion: Any, output: Any, target: Any, iteration: int, *rest: Any, **more: Any) -> Any:
        return original(self, criterion, output, target, iteration, *rest, **more) * (float('nan') if iteration == 3
                                                                                      else 1)

    monkeypatch.setattr(RebalancedSRModel, '_loss', loss)
    with pytest.raises(TrainingError) as caught:
        train(options, tmp_path / 'run')
    assert 'in iteration 3' in str(caught.value) and 'l_pix nan' in str(caught.value) and 't91_' in str(caught.value)
    run = tmp_path / 'run' / 'experiments' / 'run'
    assert sorted(path.name for path in run.glob('training_states/*')) == ['1.state', '2.state']
    same(load(run, 'net_g_2.pth'), load(whole, 'net_g_2.pth'))


def test_its_own_test_is_used(options: Options, train: Train, tmp_path: Path,
                              with_validation: Callable[..., Options]) -> None:
    options = with_validation(options, 4)
    options['val']['save_img'] = True
    run = train(options, tmp_path)
    import cv2
    picture = next(run.glob('visualization/*/*_4.png'))
    assert cv2.imread(str(picture)).max() == 0


def test_bspa_over_a_foreign_pass(base_options: Options, train: Train, tmp_path: Path) -> None:
    base_options['base_model_type'] = 'ProbeForkModel'
    run = train(base_options, tmp_path)
    assert 'Model [BSPAProbeForkModel] is created' in log_of(run) and 'l_fft' in log_of(run)
    before, after = (load(run, f'net_g_{i}.pth')['params'] for i in (10, 13))
    tensors = load(run, '13.state')['bsr_plugins']['bspa']['frozen']['tensors']
    assert tensors
    for name, frozen in tensors.items():
        index = frozen['index'].long()
        assert torch.equal(after[name].flatten()[index], before[name].flatten()[index])


def test_a_gan_keeps_its_second_network(options: Options, train: Train, tmp_path: Path,
                                        same: Callable[..., None]) -> None:
    options['base_model_type'] = 'SRGANModel'
    options['network_d'] = {'type': 'UNetDiscriminatorSN', 'num_in_ch': 3, 'num_feat': 4}
    options['train'].update(optim_d=copy.deepcopy(options['train']['optim_g']), grad_clip=0.5,
                            gan_opt={'type': 'GANLoss', 'gan_type': 'vanilla', 'real_label_val': 1.0,
                                     'fake_label_val': 0.0, 'loss_weight': 0.1},
                            losses={'edge': {'type': 'MSELoss'}})
    whole = train(options, tmp_path / 'whole')
    for name in ('l_g_pix', 'l_g_gan', 'l_d_real', 'l_edge'):
        assert f'{name}: ' in log_of(whole)
    resumed = tmp_path / 'resumed' / 'experiments' / 'run'
    shutil.copytree(whole, resumed)
    for late in (*resumed.glob('models/net_*_[34]*.pth'), *resumed.glob('training_states/[34].state')):
        late.unlink()
    train(options, tmp_path / 'resumed', '--auto_resume')
    for name in ('net_g_4.pth', 'net_d_4.pth', '4.state'):
        same(load(resumed, name), load(whole, name))


@pytest.mark.parametrize('base, message', [
    ('SwinIRModle', "did you mean 'SwinIRModel'?"),
    ('BSPAModel', 'a model of bsr_plugins itself'),
    ('StyleGAN2Model', 'a pass without lq'),
])
def test_wrong_bases_are_refused(options: Options, train: Train, tmp_path: Path, base: str, message: str) -> None:
    options['base_model_type'] = base
    with pytest.raises(OptionError, match='base_model_type') as caught:
        train(options, tmp_path)
    assert message in str(caught.value)
