"""``base_model_type``: our models over a fork's, its pass its own, through BasicSR's unmodified train_pipeline."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch

from bsr_plugins.common.errors import OptionError, TrainingError
from cpu_autocast import needs_cpu_fp16
from training_runs import cut_copy, load, log_of, without_bspa

Options = Dict[str, Any]
Train = Callable[..., Path]


@pytest.fixture(scope='module', autouse=True)
def fork_models() -> None:
    """A model with a loss of its own inside its pass, as SAFMN has, and a test of its own, as HAT has."""
    from basicsr.archs import build_network
    from basicsr.models.base_model import BaseModel
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

    class ProbeOwnModel(BaseModel):
        """One that does not derive from SRModel, as PLKSR's; its pass does not call cri_pix."""

        def __init__(self, opt):
            super().__init__(opt)
            self.net_g = self.model_to_device(build_network(opt['network_g']))
            if opt['path'].get('pretrain_network_g'):
                self.load_network(self.net_g, opt['path']['pretrain_network_g'])
            if self.is_train:
                self.init_training_settings()

        def init_training_settings(self):
            self.ema_decay, self.cri_pix, self.cri_perceptual = 0, None, None
            self.setup_optimizers()
            self.setup_schedulers()

        setup_optimizers = SRModel.setup_optimizers
        feed_data = SRModel.feed_data
        test = SRModel.test

        def optimize_parameters(self, current_iter):
            self.optimizer_g.zero_grad()
            self.output = self.net_g(self.lq)
            l_one = (self.output - self.gt).abs().mean()
            l_one.backward()
            self.optimizer_g.step()
            self.log_dict = self.reduce_loss_dict({'l_one': l_one})

        def save(self, epoch, current_iter):
            self.save_network(self.net_g, 'net_g', current_iter)
            self.save_training_state(epoch, current_iter)

    class ProbeOtherLossModel(SRModel):
        """Derives from SRModel and has its losses under names of its own, as ExampleModel has; no pixel_opt."""

        def init_training_settings(self):
            self.net_g.train()
            self.ema_decay, self.l1_pix = 0, torch.nn.L1Loss()
            self.setup_optimizers()
            self.setup_schedulers()

        def optimize_parameters(self, current_iter):
            self.optimizer_g.zero_grad()
            self.output = self.net_g(self.lq)
            l_one = self.l1_pix(self.output, self.gt)
            l_one.backward()
            self.optimizer_g.step()
            self.log_dict = self.reduce_loss_dict({'l_one': l_one})

    class ProbeLateModel(ProbeForkModel):
        """Goes without the pixel loss until iteration 3, as DiffIR's second stage does until its encoder is trained."""

        def optimize_parameters(self, current_iter):
            if current_iter >= 3:
                super().optimize_parameters(current_iter)
                return
            self.optimizer_g.zero_grad()
            l_early = (self.net_g(self.lq) - self.gt).abs().mean()
            l_early.backward()
            self.optimizer_g.step()
            self.log_dict = self.reduce_loss_dict({'l_early': l_early})

    class ProbeQueueModel(SRModel):
        """Shuffles samples through a queue, as RealESRNetModel does."""

        def _dequeue_and_enqueue(self):
            self.queued = True

    for model in (ProbeForkModel, ProbeOwnModel, ProbeOtherLossModel, ProbeLateModel, ProbeQueueModel):
        if model.__name__ not in MODEL_REGISTRY:
            MODEL_REGISTRY.register(model)


@pytest.fixture
def options(base_options: Options) -> Options:
    return {**without_bspa(base_options, 'RebalancedSRModel', total_iter=4), 'base_model_type': 'ProbeForkModel'}


def test_a_fork_s_pass_trains_as_it_does_alone(
    options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    ours = train(options, tmp_path / 'ours')
    alone = train({**options, 'model_type': options.pop('base_model_type')}, tmp_path / 'alone')
    same(load(ours, 'net_g_4.pth'), load(alone, 'net_g_4.pth'))
    assert 'l_fft' in log_of(ours) and 'Model [RebalancedProbeForkModel] is created' in log_of(ours)


@needs_cpu_fp16
def test_a_base_with_upstream_s_pass_has_the_whole_engine(
    options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    options['train'].update(accumulate=2, amp='fp16')
    plain = {key: value for key, value in options.items() if key != 'base_model_type'}
    options['base_model_type'] = 'RealESRNetModel'
    from basicsr.models.realesrnet_model import RealESRNetModel
    from basicsr.models.sr_model import SRModel

    from bsr_plugins.models.base_models import over_base
    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel, RebalancedTraining

    def over(cls: type, given: Any) -> type:
        return over_base(cls, given, RebalancedTraining)

    derived = over(RebalancedSRModel, options)
    assert issubclass(derived, RealESRNetModel) and derived.__name__ == 'RebalancedRealESRNetModel'
    assert derived.optimize_parameters is not SRModel.optimize_parameters
    assert over(RebalancedSRModel, plain) is RebalancedSRModel is over(RebalancedSRModel, None)
    assert over(derived, options) is derived
    run = train(plain, tmp_path)
    assert 'the effective batch is 4' in log_of(run)


@pytest.mark.parametrize(
    'engine', [{}, {'amp': 'bf16', 'channels_last': True, 'compile': True, 'grad_clip': 0.1}], ids=['plain', 'engine']
)
def test_losses_sigma_branch_and_engine_get_into_it(
    options: Options,
    train: Train,
    tmp_path: Path,
    engine: Options,
    same: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = torch.compile
    monkeypatch.setattr(torch, 'compile', lambda net: original(net, backend='eager'))
    options['train'].update(
        engine,
        sigma_opt={'type': 'SigmaLoss'},
        losses={'focal': {'type': 'FocalPixelLoss'}, 'expected': {'type': 'ExpectationLoss', 'loss_weight': 0.1}},
    )
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


def test_a_named_loss_alone_takes_the_pixel_loss_s_place(
    options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    slot = train(options, tmp_path / 'slot')
    options['train']['losses'] = {'edge': options['train'].pop('pixel_opt')}
    named = train(options, tmp_path / 'named')
    same(load(named, 'net_g_4.pth'), load(slot, 'net_g_4.pth'))
    assert 'l_edge: ' in log_of(named) and 'l_pix: ' not in log_of(named)


@pytest.mark.parametrize('key, value', [('amp', 'fp16'), ('accumulate', 2), ('non_finite', 'skip')])
def test_what_needs_the_inside_is_refused(options: Options, train: Train, tmp_path: Path, key: str, value: Any) -> None:
    options['train'][key] = value
    with pytest.raises(OptionError, match='ProbeForkModel replaces by its own') as caught:
        train(options, tmp_path)
    assert caught.value.where == f'train.{key}'


def test_its_losses_are_guarded(
    options: Options, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: Callable[..., None]
) -> None:
    whole = train(options, tmp_path / 'whole')
    from bsr_plugins.models.losses import Losses

    original = Losses.term

    def term(self: Any, criterion: Any, output: Any, target: Any, iteration: int, *rest: Any, **more: Any) -> Any:
        return original(self, criterion, output, target, iteration, *rest, **more) * (
            float('nan') if iteration == 3 else 1
        )

    monkeypatch.setattr(Losses, 'term', term)
    with pytest.raises(TrainingError) as caught:
        train(options, tmp_path / 'run')
    assert 'in iteration 3' in str(caught.value) and 'l_pix nan' in str(caught.value) and 't91_' in str(caught.value)
    run = tmp_path / 'run' / 'experiments' / 'run'
    assert sorted(path.name for path in run.glob('training_states/*')) == ['1.state', '2.state']
    same(load(run, 'net_g_2.pth'), load(whole, 'net_g_2.pth'))


def test_its_own_test_is_used(
    options: Options, train: Train, tmp_path: Path, with_validation: Callable[..., Options]
) -> None:
    options = with_validation(options, 4)
    options['val']['save_img'] = True
    run = train(options, tmp_path)
    import cv2

    image = next(run.glob('visualization/*/*_4.png'))
    assert cv2.imread(str(image)).max() == 0


def test_bspa_over_a_fork_s_pass(base_options: Options, train: Train, tmp_path: Path) -> None:
    base_options['base_model_type'] = 'ProbeForkModel'
    run = train(base_options, tmp_path)
    assert 'Model [BSPAProbeForkModel] is created' in log_of(run) and 'l_fft' in log_of(run)
    before, after = (load(run, f'net_g_{i}.pth')['params'] for i in (10, 13))
    tensors = load(run, '13.state')['bsr_plugins']['bspa']['frozen']['tensors']
    assert tensors
    for name, frozen in tensors.items():
        index = frozen['index'].long()
        assert torch.equal(after[name].flatten()[index], before[name].flatten()[index])


def test_a_gan_keeps_its_second_network(
    options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    options['base_model_type'] = 'SRGANModel'
    options['network_d'] = {'type': 'UNetDiscriminatorSN', 'num_in_ch': 3, 'num_feat': 4}
    options['train'].update(
        optim_d=copy.deepcopy(options['train']['optim_g']),
        grad_clip=0.5,
        gan_opt={
            'type': 'GANLoss',
            'gan_type': 'vanilla',
            'real_label_val': 1.0,
            'fake_label_val': 0.0,
            'loss_weight': 0.1,
        },
        losses={'edge': {'type': 'MSELoss'}},
    )
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


@pytest.mark.parametrize(
    'base, message',
    [
        ('SwinIRModle', "did you mean 'SwinIRModel'?"),
        ('BSPAModel', 'a model of bsr_plugins itself'),
        ('StyleGAN2Model', 'a pass without lq'),
    ],
)
def test_wrong_bases_are_refused(options: Options, train: Train, tmp_path: Path, base: str, message: str) -> None:
    options['base_model_type'] = base
    with pytest.raises(OptionError, match='base_model_type') as caught:
        train(options, tmp_path)
    assert message in str(caught.value)


def test_a_base_that_does_not_derive_from_srmodel(
    options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    options['base_model_type'] = 'ProbeOwnModel'
    ours = train(options, tmp_path / 'ours')
    alone = train({**options, 'model_type': 'ProbeOwnModel'}, tmp_path / 'alone')
    same(load(ours, 'net_g_4.pth'), load(alone, 'net_g_4.pth'))
    assert 'Model [RebalancedProbeOwnModel] is created' in log_of(ours) and 'l_one: ' in log_of(ours)
    own = load(ours, '4.state')['bsr_plugins']
    assert own['model'] == 'RebalancedProbeOwnModel' and own['samples_in_epoch'] == 8
    resumed = cut_copy(ours, tmp_path / 'resumed', 2)
    train(options, tmp_path / 'resumed', '--auto_resume')
    same(load(resumed, '4.state'), load(ours, '4.state'))


def test_bspa_over_such_a_base(base_options: Options, train: Train, tmp_path: Path) -> None:
    base_options['base_model_type'] = 'ProbeOwnModel'
    run = train(base_options, tmp_path)
    assert 'Model [BSPAProbeOwnModel] is created' in log_of(run) and 'BSPA round 2' in log_of(run)


def test_a_base_without_cri_pix_trains_as_it_does_alone(
    options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    options['base_model_type'] = 'ProbeOtherLossModel'
    del options['train']['pixel_opt']
    ours = train(options, tmp_path / 'ours')
    alone = train({**options, 'model_type': options.pop('base_model_type')}, tmp_path / 'alone')
    same(load(ours, 'net_g_4.pth'), load(alone, 'net_g_4.pth'))


def test_iterations_without_the_added_losses_are_said_once(options: Options, train: Train, tmp_path: Path) -> None:
    options['base_model_type'] = 'ProbeLateModel'
    options['train']['losses'] = {'edge': {'type': 'L1Loss'}}
    log = log_of(train(options, tmp_path))
    assert log.count('ProbeLateModel trained without cri_pix') == 1
    assert 'in iteration 1: what is added through it (train.losses) has no part' in log and 'l_edge: ' in log


@pytest.mark.parametrize('base', ['ProbeOwnModel', 'ProbeOtherLossModel'])
@pytest.mark.parametrize('key, value', [('losses', {'edge': {'type': 'L1Loss'}}), ('sigma_opt', {'type': 'SigmaLoss'})])
def test_losses_that_its_pass_would_leave_out_are_refused(
    options: Options, train: Train, tmp_path: Path, key: str, value: Any, base: str
) -> None:
    options['base_model_type'] = base
    options['train'][key] = value
    options['network_sigma'] = {'type': 'SigmaBranch', 'num_feat': 8, 'num_conv': 2} if key == 'sigma_opt' else None
    with pytest.raises(OptionError, match='does not call cri_pix') as caught:
        train(options, tmp_path)
    assert caught.value.where == f'train.{key}'


def test_classes_do_not_go_through_a_queue(
    base_options: Options, options: Options, train: Train, tmp_path: Path, numbered_options: Options
) -> None:
    base_options['base_model_type'] = options['base_model_type'] = 'ProbeQueueModel'
    with pytest.raises(OptionError, match='^BSPA cannot be combined with a model that shuffles') as caught:
        train(base_options, tmp_path / 'bspa')
    assert caught.value.where == 'base_model_type'
    options['datasets']['train'] = {
        key: value for key, value in numbered_options['datasets']['train'].items() if key != 'inverse'
    }
    with pytest.raises(OptionError, match='draws by classes or intervals cannot be combined with') as caught:
        train(options, tmp_path / 'inverse')
    assert caught.value.where == 'datasets.train.type'
    assert 'high_order_degradation: false' in caught.value.remedy
    options['high_order_degradation'] = False
    train(options, tmp_path / 'paired')


def test_balanced_batches_are_not_cut_by_a_script() -> None:
    from bsr_plugins.models.run_state import check_batches_stay_whole

    train = {'type': 'RFSBalancedBatchDataset', 'batch_size_per_gpu': 8, 'mini_batch_sizes': [8, 4]}
    with pytest.raises(OptionError, match='their balance is lost') as caught:
        check_batches_stay_whole(train)
    assert caught.value.where == 'datasets.train.mini_batch_sizes' and caught.value.found == [8, 4]
    for fine in ({'type': 'PairedImageDataset'}, {'mini_batch_sizes': [8, 8]}, {'mini_batch_sizes': None}):
        check_batches_stay_whole({**train, **fine})
