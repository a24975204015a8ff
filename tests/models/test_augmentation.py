"""``train.augment`` in a model: what is augmented and what is not, over which bases, masks, draws, refusals."""

from __future__ import annotations

import copy
from typing import Any, Dict, Iterator, List

import pytest
import torch
from basicsr.models.sr_model import SRModel
from basicsr.utils.registry import MODEL_REGISTRY
from torch import Tensor

from bsr_plugins.augments.augment import Batch
from bsr_plugins.augments.augments import build_augment
from bsr_plugins.common.errors import BsrPluginsError, DataError, OptionError
from bsr_plugins.common.keyed_random import keyed_generator
from bsr_plugins.models.augmentation import AUGMENT_STREAM
from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel
from bsr_plugins.runs import training_position

SEED = 5
OPTIONS: Dict[str, Any] = {
    'num_gpu': 0,
    'dist': False,
    'is_train': True,
    'scale': 2,
    'rank': 0,
    'path': {},
    'network_g': {'type': 'FSRCNN', 'upscale': 2, 'd': 4, 's': 2, 'm': 1},
    'datasets': {'train': {'type': 'PairedImageDataset', 'batch_size_per_gpu': 3, 'num_worker_per_gpu': 0}},
    'train': {
        'optim_g': {'type': 'Adam', 'lr': 0.001},
        'scheduler': {'type': 'MultiStepLR', 'milestones': [9]},
        'total_iter': 9,
        'pixel_opt': {'type': 'L1Loss'},
    },
}


class PassModel(SRModel):
    """Trains by a pass of its own, as many forks do."""

    def optimize_parameters(self, current_iter: int) -> None:
        self.optimizer_g.zero_grad()
        self.output = self.net_g(self.lq)
        l_pix = self.cri_pix(self.output, self.gt)
        (l_pix + (self.output - self.gt).abs().mean()).backward()
        self.optimizer_g.step()
        self.log_dict = self.reduce_loss_dict({'l_pix': l_pix})


class SharpModel(PassModel):
    """Trains on a sharpened gt, as RealESRGANModel does."""

    def feed_data(self, data: Dict[str, Any]) -> None:
        super().feed_data(data)
        self.gt_usm = self.gt * 2
        self.kernel = self.gt[..., :3, :3]

    def optimize_parameters(self, current_iter: int) -> None:
        self.sharp = self.gt_usm
        super().optimize_parameters(current_iter)


class MakesLqModel(SRModel):
    """Makes lq out of gt, as RealESRNetModel does."""

    def feed_data(self, data: Dict[str, Any]) -> None:
        self.gt = data['gt']
        self.lq = torch.nn.functional.avg_pool2d(self.gt, 2)
        self.gt_usm = self.gt * 2


class QueueModel(MakesLqModel):
    """Shuffles the samples of many batches, as RealESRNetModel does."""

    def _dequeue_and_enqueue(self) -> None:
        self.lq, self.gt = self.lq.flip(0), self.gt.flip(0)


class EMAModel(PassModel):
    """Compares with the averaged weights' output, as LDL does."""

    def optimize_parameters(self, current_iter: int) -> None:
        self.output_ema = self.net_g_ema(self.lq)
        super().optimize_parameters(current_iter)


class NoGtModel(SRModel):
    """Trains on lq alone."""

    def feed_data(self, data: Dict[str, Any]) -> None:
        self.lq = data['lq']


class CutsModel(SRModel):
    """Is given what the script has cut out of a batch, as Restormer's."""

    def feed_train_data(self, data: Dict[str, Any]) -> None:
        self.lq, self.gt = data['lq'], data['gt']


@pytest.fixture(scope='module', autouse=True)
def bases() -> Iterator[None]:
    models = (PassModel, SharpModel, MakesLqModel, QueueModel, EMAModel, NoGtModel, CutsModel)
    for model in models:
        MODEL_REGISTRY.register(model)
    yield
    for model in models:
        del MODEL_REGISTRY._obj_map[model.__name__]
    training_position.reset()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """What the part says in the log."""
    import logging

    lines: List[str] = []
    log = logging.getLogger('basicsr')
    for level in ('info', 'warning'):
        monkeypatch.setattr(log, level, lambda line, *rest: lines.append(str(line)))
    return lines


def model_with(augment: Any, base: str = '', **more: Any) -> Any:
    torch.manual_seed(SEED)
    options = copy.deepcopy({**OPTIONS, **({'base_model_type': base} if base else {})})
    options['train']['augment'] = augment
    for path, value in more.items():
        *sections, key = path.split('__')
        section = options
        for name in sections:
            section = section[name]
        section[key] = value
    return RebalancedSRModel(options)


def data(count: int = 3) -> Dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    lq, gt = (torch.rand(count, 3, side, side, generator=generator) for side in (8, 16))
    return {'lq': lq, 'gt': gt, 'lq_path': ['a'] * count}


def expected(augment: Dict[str, Any], iteration: int, seed: int = SEED) -> Any:
    batch = data()
    rng = keyed_generator(seed, AUGMENT_STREAM, iteration)
    return build_augment(augment, 2)(Batch(batch['lq'], batch['gt']), rng)


def test_training_batches_are_augmented_by_the_key_of_their_iteration() -> None:
    model, augment = model_with({'type': 'MoA'}), {'type': 'MoA'}
    for iteration in range(1, 8):
        batch = data()
        model.feed_data(batch)
        wanted = expected(augment, iteration)
        mask = wanted.loss_mask if wanted.loss_mask is not None else 1
        assert torch.equal(model.lq, wanted.lq) and torch.equal(model.gt, wanted.gt * mask)
        assert torch.equal(batch['lq'], data()['lq']) and torch.equal(batch['gt'], data()['gt'])
        model.optimize_parameters(iteration)
    model.iteration = 2
    model.feed_data(data())
    assert torch.equal(model.lq, expected(augment, 3).lq), 'a resumed run draws as the run did'


def test_validation_sees_batches_as_they_are() -> None:
    model = model_with({'type': 'CutBlur'})
    with model.run_state.no_training_batch():
        model.feed_data(data())
    assert torch.equal(model.lq, data()['lq'])


def test_processes_draw_differently() -> None:
    results = []
    for rank in range(2):
        model = model_with({'type': 'CutBlur'})
        model.augmentation._seed = SEED + rank  # as BasicSR seeds the process of that rank
        model.feed_data(data())
        assert torch.equal(model.lq, expected({'type': 'CutBlur'}, 1, SEED + rank).lq)
        results.append(model.lq)
    assert not torch.equal(*results)


@pytest.mark.parametrize('base', ['', 'PassModel'], ids=['upstream', 'fork'])
def test_no_loss_sees_what_is_masked(base: str) -> None:
    """The gradient of the masked loss: that of what is left, and none of what is dropped."""
    augment = {'type': 'Cutout', 'alpha': 0.4}
    more = {'train__losses': {'named': {'type': 'MSELoss'}}}
    model = model_with(augment, base, **more)
    model.feed_data(data())
    model.optimize_parameters(1)
    wanted, plain = expected(augment, 1), model_with(None)
    output = plain.net_g(wanted.lq) * wanted.loss_mask
    gt = wanted.gt * wanted.loss_mask
    l1 = (output - gt).abs().mean()
    loss = l1 + ((output - gt) ** 2).mean() + (l1 if base else 0)
    loss.backward()
    for (name, parameter), other in zip(plain.net_g.named_parameters(), model.net_g.parameters()):
        assert torch.allclose(parameter.grad, other.grad, atol=1e-7), name
    assert model.log_dict['l_pix'] == pytest.approx(float(l1), rel=1e-5)
    # The next batch of another kind has no mask.
    model.augmentation._augment.prob = 0
    model.feed_data(data())
    assert model.augmentation.masked(model.gt) is model.gt


def test_a_base_that_makes_lq_itself_is_augmented_after_that() -> None:
    model = model_with({'type': 'CutMix'}, 'MakesLqModel')
    model.feed_data({'gt': data()['gt']})
    small = torch.nn.functional.avg_pool2d(data()['gt'], 2)
    assert not torch.equal(model.lq, small)
    assert torch.allclose(model.lq, torch.nn.functional.avg_pool2d(model.gt, 2), atol=1e-6), 'the pair is in step'
    model.optimize_parameters(1)


def test_a_script_that_cuts_batches_is_augmented_too() -> None:
    model = model_with({'type': 'CutBlur'}, 'CutsModel')
    model.feed_train_data(data())
    assert torch.equal(model.lq, expected({'type': 'CutBlur'}, 1).lq)


def test_losses_that_take_lq_get_the_augmented_one() -> None:
    seen: List[Tensor] = []
    model = model_with({'type': 'Mixup'}, train__losses={'focal': {'type': 'FocalPixelLoss'}})
    model.losses.named['focal'].register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs['lq']), with_kwargs=True
    )
    model.feed_data(data())
    model.optimize_parameters(1)
    assert torch.equal(seen[0], expected({'type': 'Mixup'}, 1).lq)


@pytest.mark.parametrize(
    ('augment', 'more', 'words'),
    [
        ({'type': 'Mixup'}, {}, ['Augmentation: Mixup, exact.']),
        ({'type': 'CutBlur', 'alpha': 0.5}, {}, ['Augmentation: CutBlur (alpha: 0.5), adapted to networks that upsc']),
        ({'type': 'CutBlur'}, {'scale': 1, 'network_g__upscale': 1}, ['Augmentation: CutBlur, exact.']),
        (
            {'type': 'MoA', 'ops': ['Mixup', 'CutBlur']},
            {'datasets__train__batch_size_per_gpu': 1},
            ['Augmentation: MoA (ops: [Mixup, CutBlur]), adapted', 'in a batch of one the partner', 'Mixup leave'],
        ),
        ({'type': 'CutBlur'}, {'datasets__train__batch_size_per_gpu': 1}, ['Augmentation: CutBlur, adapted']),
        (
            {'type': 'ADDPlus'},
            {'datasets__train__batch_size_per_gpu': 1},
            ['Augmentation: ADDPlus, experimental.', 'mix of ADDPlus, paste of ADDPlus leave it'],
        ),
        (
            {'type': 'ADDPlus', 'ops': ['intensity']},
            {'datasets__train__batch_size_per_gpu': 1},
            ['Augmentation: ADDPlus (ops: [intensity]), experimental.'],
        ),
    ],
)
def test_the_log_says_what_is_done(augment: Any, more: Dict[str, Any], words: List[str], said: List[str]) -> None:
    model_with(augment, **more)
    lines = [line for line in said if line.startswith('Augmentation')]
    assert len(lines) == (2 if len(words) > 1 else 1)
    assert all(word in ' '.join(lines) for word in words), lines


LUMA = {'datasets__train__color': 'y'}
NORMALISED = {'datasets__train__mean': [0.5] * 3, 'datasets__train__std': [1.0] * 3}
GIVES_MAPS = {'datasets__train__type': 'SaliencyPairedDataset', 'datasets__train__saliency': 'maps.lmdb'}
SIGMA = {'network_sigma': {'type': 'SigmaBranch', 'num_feat': 4}, 'train__sigma_opt': {'type': 'SigmaLoss'}}


@pytest.mark.parametrize(
    ('augment', 'base', 'more', 'where', 'words'),
    [
        ({'type': 'CutBlurr'}, '', {}, 'train.augment.type', "did you mean 'CutBlur'?"),
        ({}, '', {}, 'train.augment.type', 'missing'),
        ({'type': 'RGBPermutation'}, '', LUMA, 'train.augment.type', 'three channels'),
        ({'type': 'MoA'}, '', LUMA, 'train.augment.ops', 'ops: [Blend, Mixup, Cutout'),
        ({'type': 'Blend'}, '', NORMALISED, 'train.augment.type', 'normalised'),
        ({'type': 'MoA'}, '', NORMALISED, 'train.augment.ops', 'ops: [Mixup, CutMix, CutMixup, CutBlur]'),
        ({'type': 'Cutout'}, '', SIGMA, 'train.augment.type', 'train.sigma_opt'),
        ({'type': 'ADD', 'saliency': 'map'}, 'QueueModel', GIVES_MAPS, 'train.augment.saliency', 'through a queue'),
        ({'type': 'ADD', 'saliency': 'map'}, 'CutsModel', GIVES_MAPS, 'train.augment.saliency', 'no saliency maps'),
        ({'type': 'MoA'}, 'EMAModel', {}, 'train.augment.ops', 'EMAModel compares it with that of net_g_ema'),
    ],
)
def test_what_cannot_be_is_refused_at_the_start(
    augment: Any, base: str, more: Dict[str, Any], where: str, words: str
) -> None:
    with pytest.raises(OptionError) as caught:
        model_with(augment, base, **more)
    assert caught.value.where == where and words in str(caught.value)


@pytest.mark.parametrize(
    ('augment', 'more'),
    [
        ({'type': 'Mixup'}, LUMA),
        ({'type': 'CutBlur'}, NORMALISED),
        ({'type': 'MoA', 'ops': ['CutBlur', 'Mixup']}, SIGMA),
        ({'type': 'CutBlur'}, {}),
    ],
)
def test_what_can_be_trains(augment: Any, more: Dict[str, Any]) -> None:
    model = model_with(augment, 'EMAModel' if not more else '', **more, train__ema_decay=0.9)
    model.feed_data(data())
    model.optimize_parameters(1)


@pytest.mark.parametrize(
    ('base', 'batch', 'error', 'words'),
    [
        ('SharpModel', data(), OptionError, 'SharpModel trains on gt_usm beside lq and gt'),
        ('NoGtModel', {'lq': data()['lq']}, DataError, 'have no gt'),
        ('', {**data(), 'gt': data()['lq']}, DataError, 'gt of 16 x 16 pixels for scale 2'),
    ],
)
def test_what_cannot_be_is_refused_at_the_first_batch(base: str, batch: Any, error: Any, words: str) -> None:
    model = model_with({'type': 'CutBlur'}, base)
    with pytest.raises(error) as caught:
        model.feed_data(batch)
    assert isinstance(caught.value, BsrPluginsError) and words in str(caught.value)


def test_a_network_of_several_outputs_cannot_be_masked() -> None:
    model = model_with({'type': 'Cutout', 'alpha': 0.5}, 'PassModel')
    model.feed_data(data())
    for output in ([model.gt, model.gt], model.lq):
        with pytest.raises(OptionError, match='Cutout masks one output'):
            model.augmentation.masked(output)
