"""The contract of every registered loss: options, reductions, weights, precision, errors, gradients, compilation."""

from __future__ import annotations

import copy
import inspect
import pickle
import sys
from pathlib import Path
from typing import Any, Dict, Optional

import pytest
import torch
from torch import Tensor, nn

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.host.registration import TABLE

NAMES = sorted(TABLE['loss'])
SHAPE = (2, 3, 8, 8)
REDUCTION = {'loss_weight': 1.0, 'reduction': 'mean'}
# The defaults that option files rely on.
DEFAULTS: Dict[str, Dict[str, Any]] = {
    'FocalPixelLoss': {
        'alpha_sp': 0.5,
        'gamma_sp': 1,
        'alpha_lp': 1,
        'gamma_lp': 1,
        'p': 1,
        'norm_scope': 'batch',
        'bicubic': 'torch',
        'scale': None,
        **REDUCTION,
    },
    'ExpectationLoss': {
        'noise': 'element',
        'num_draws': 1,
        'threshold': 'batch',
        'noise_scale': 'error',
        'distribution': 'normal',
        **REDUCTION,
    },
    'UncertaintyEstimationLoss': {'img_range': 255.0, **REDUCTION},
    'UncertaintyDrivenLoss': {'offset': 1.0, **REDUCTION},
    'SigmaLoss': {'loss_weight': 0.01, 'target': 'abs', 'threshold': 'none', 'detach_pred': True, 'reduction': 'mean'},
    'HybridLpLoss': {'l1_weight': 1, 'l2_weight': 1, 'lp_weight': 0.1, 'p': 0.5, 'eps': 1e-3, **REDUCTION},
}
# The gradient of FPL leaves out the weight of the learnable prior; a numerical one does not.
DIFFERENTIATED = {'FocalPixelLoss': {'gamma_lp': 0}}
every_loss = pytest.mark.parametrize('name', NAMES)


def build(name: str, **options: Any) -> nn.Module:
    from basicsr.losses import build_loss

    return build_loss({'type': name, **options})


def images(seed: int, shape: tuple = SHAPE, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def reads_branch(loss: nn.Module) -> bool:
    """Tell whether a loss stands under train.sigma_opt: its first argument is what the branch predicts."""
    return next(iter(inspect.signature(loss.forward).parameters)) == 'sigma'


def arguments(loss: nn.Module, pred: Tensor, target: Tensor, weight: Optional[Tensor] = None) -> Dict[str, Any]:
    """Return what the forward of a loss names: the same sigma, lq and noise each time."""
    names = inspect.signature(loss.forward).parameters
    given: Dict[str, Any] = {'pred': pred, 'target': target, 'weight': weight}
    if 'lq' in names:
        given['lq'] = images(10, (*SHAPE[:2], SHAPE[2] // 2, SHAPE[3] // 2), target.dtype)
    if 'noise' in names:
        noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(11), dtype=torch.float64)
        given['noise'] = noise.to(torch.promote_types(pred.dtype, torch.float32))
    if reads_branch(loss):
        given['sigma'] = images(12, dtype=pred.dtype).requires_grad_(pred.requires_grad)
    if 'log_variance' in names:
        given['log_variance'] = images(13, dtype=pred.dtype)
    return given


def call(loss: nn.Module, pred: Tensor, target: Tensor, weight: Optional[Tensor] = None, **more: Any) -> Tensor:
    return loss(**arguments(loss, pred, target, weight), **more)


@every_loss
def test_options_and_their_defaults(name: str) -> None:
    loss = build(name)
    parameters = inspect.signature(type(loss).__init__).parameters
    defaults = {key: parameter.default for key, parameter in parameters.items() if key != 'self'}
    assert defaults == DEFAULTS.get(name, defaults)
    assert defaults['reduction'] == 'mean' and 'loss_weight' in defaults
    assert {key: getattr(loss, key) for key in defaults} == defaults


@every_loss
def test_forward(name: str) -> None:
    parameters = list(inspect.signature(build(name).forward).parameters.values())
    names = [parameter.name for parameter in parameters]
    assert [entry for entry in names if entry in ('pred', 'target', 'weight')] == ['pred', 'target', 'weight']
    assert parameters[names.index('weight')].default is None
    assert parameters[-1].kind is inspect.Parameter.VAR_KEYWORD
    loss, pred, target = build(name), images(0), images(1)
    assert torch.equal(call(loss, pred, target), call(loss, pred, target, not_known_to_any=3))


@every_loss
def test_the_suffixed_name_and_the_options_as_given(name: str) -> None:
    from basicsr.losses import build_loss

    options = {'type': f'{name}_bsrp', 'loss_weight': 2, 'reduction': 'sum'}
    before = copy.deepcopy(options)
    loss = build_loss(options)
    assert options == before
    assert type(loss).__name__ == name and loss.loss_weight == 2 and loss.reduction == 'sum'


@every_loss
def test_nothing_to_train_or_save_and_it_pickles(name: str) -> None:
    loss = build(name)
    assert not list(loss.parameters()) and not loss.state_dict()
    pred, target = images(0), images(1)
    assert torch.equal(call(pickle.loads(pickle.dumps(loss)), pred, target), call(loss, pred, target))


@every_loss
@pytest.mark.parametrize('kind', ['none', 'full', 'pixels', 'samples', 'positions'])
def test_reductions_and_weights(name: str, kind: str) -> None:
    pred, target = images(0), images(1)
    shape = {'full': SHAPE, 'pixels': (2, 1, 8, 8), 'samples': (2, 1, 1, 1), 'positions': (1, 1, 8, 8)}.get(kind)
    weight = None if shape is None else images(3, shape)
    each = call(build(name, reduction='none'), pred, target)
    assert each.shape == SHAPE
    used = torch.ones(SHAPE) if weight is None else weight.expand(SHAPE)
    found = {
        reduction: call(build(name, reduction=reduction), pred, target, weight) for reduction in ('none', 'sum', 'mean')
    }
    assert torch.allclose(found['none'], each * used)
    assert found['sum'].item() == pytest.approx((each * used).sum().item(), rel=1e-5)
    assert found['mean'].item() == pytest.approx(((each * used).sum() / used.sum()).item(), rel=1e-5)


@every_loss
def test_weights_as_basicsr_reduces_them(name: str) -> None:
    from basicsr.losses.loss_util import weight_reduce_loss

    pred, target = images(0), images(1)
    each = call(build(name, reduction='none'), pred, target)
    for shape in (SHAPE, (2, 1, 8, 8)):
        weight = images(3, shape)
        expected = weight_reduce_loss(each, weight, 'mean').item()
        assert call(build(name), pred, target, weight).item() == pytest.approx(expected, rel=1e-5)


@every_loss
def test_weights_that_are_zero_everywhere(name: str) -> None:
    pred = images(0).requires_grad_()
    value = call(build(name), pred, images(1), torch.zeros(2, 1, 8, 8))
    value.backward()
    assert value.item() == 0
    assert pred.grad is None or pred.grad.abs().max() == 0


@every_loss
@pytest.mark.parametrize('shape', [(2, 2, 8, 8), (8, 8), (1, 3, 1, 4), (2, 3, 8, 8, 1)])
def test_weights_that_do_not_fit(name: str, shape: tuple) -> None:
    with pytest.raises(DataError, match=rf'(?s)^{name} was given a weight.*expected: +\(2, 3, 8, 8\).*found'):
        call(build(name), images(0), images(1), torch.ones(shape))


@every_loss
def test_loss_weight(name: str) -> None:
    pred, target = images(0), images(1)
    for reduction in ('mean', 'sum', 'none'):
        once, thrice = (call(build(name, loss_weight=factor, reduction=reduction), pred, target) for factor in (1, 3.0))
        assert torch.allclose(thrice, 3 * once)


@every_loss
@pytest.mark.parametrize(
    'options, message',
    [
        ({'reduction': 'avg'}, '(?s){}.reduction.*mean or sum or none.*avg'),
        ({'reduction': 'nonee'}, "did you mean 'none'"),
        ({'loss_weight': '1e-2'}, '(?s){}.loss_weight.*number.*YAML reads 1e-2 as text'),
        ({'loss_weight': None}, '(?s){}.loss_weight.*number.*None'),
        ({'loss_weight': True}, '(?s){}.loss_weight.*number.*True'),
    ],
)
def test_wrong_options(name: str, options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message.format(name)):
        build(name, **options)


@every_loss
@pytest.mark.parametrize('half', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(name: str, half: torch.dtype) -> None:
    pred, target = images(0, dtype=half).requires_grad_(), images(1, dtype=half)
    value = call(build(name), pred, target)
    assert value.dtype == torch.float32
    single = call(build(name), pred.detach().float(), target.float())
    # call() hands lq and sigma over in the type of the images, so that both runs round them alike or nearly so.
    assert value.item() == pytest.approx(single.item(), rel=5e-3)
    value.backward()
    assert pred.grad is None or (pred.grad.dtype == half and pred.grad.isfinite().all())


@every_loss
def test_the_network_s_output_may_be_half_beside_whole_images(name: str) -> None:
    pred, target = images(0, dtype=torch.bfloat16), images(1)
    mixed = call(build(name), pred, target)
    assert mixed.dtype == torch.float32
    assert mixed.item() == pytest.approx(call(build(name), pred.float(), target).item(), rel=5e-3)
    assert call(build(name), images(0, dtype=torch.float64), images(1, dtype=torch.float64)).dtype == torch.float64


@every_loss
def test_autocast_does_not_lower_the_precision(name: str) -> None:
    loss, pred, target = build(name), images(0), images(1)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(call(loss, pred, target), call(build(name), pred, target))
        inside = call(loss, pred, target)
    assert inside.item() == pytest.approx(call(loss, pred, target).item(), rel=1e-6)


@every_loss
@pytest.mark.parametrize('shape', [(2, 1, 8, 8), (1, 3, 8, 8), (2, 3, 4, 4), (3, 8, 8)])
def test_a_target_of_another_shape_is_never_broadcast(name: str, shape: tuple) -> None:
    with pytest.raises(DataError, match=rf'(?s)^{name} was given pred and target of different shapes') as caught:
        call(build(name), images(0), images(1, shape))
    assert caught.value.found == shape and str(SHAPE) in caught.value.expected and 'upscale' in caught.value.remedy


@every_loss
def test_whole_numbers_are_no_images(name: str) -> None:
    with pytest.raises(DataError, match=f'(?s)^{name} was given target of a type.*floating point.*uint8'):
        call(build(name), images(0), (255 * images(1)).to(torch.uint8))


@every_loss
@pytest.mark.parametrize('constant', [False, True])
def test_finite_where_the_network_is_perfect(name: str, constant: bool) -> None:
    target = torch.full(SHAPE, 0.25) if constant else images(1)
    pred = target.clone().requires_grad_()
    value = call(build(name), pred, target)
    value.backward()
    assert value.isfinite()
    assert pred.grad is None or pred.grad.isfinite().all()


@every_loss
def test_the_same_each_time_and_no_draws_of_its_own(name: str) -> None:
    loss, pred, target = build(name), images(0), images(1)
    before = torch.get_rng_state()
    first = call(loss, pred, target)
    assert torch.equal(call(loss, pred, target), first)
    last = call(loss, pred.contiguous(memory_format=torch.channels_last), target)
    assert last.item() == pytest.approx(first.item(), rel=1e-6)
    assert torch.equal(torch.get_rng_state(), before)


@every_loss
def test_images_are_left_as_they_are(name: str) -> None:
    pred, target = images(0), images(1)
    call(build(name), pred, target, images(3))
    assert torch.equal(pred, images(0)) and torch.equal(target, images(1))


@every_loss
def test_gradcheck(name: str) -> None:
    loss = build(name, **DIFFERENTIATED.get(name, {}))
    target = images(1, dtype=torch.float64)
    signs = (images(4, dtype=torch.float64) > 0.5).double() * 2 - 1
    # Errors from .05 to .25 keep away from the kink at 0; the mean of a threshold lies between two of them.
    pred = (target + signs * (0.05 + 0.2 * images(5, dtype=torch.float64))).requires_grad_()
    if reads_branch(loss):
        sigma = (0.3 + 0.1 * images(6, dtype=torch.float64)).requires_grad_()
        assert torch.autograd.gradcheck(lambda given: loss(given, pred, target), [sigma])
        loss.detach_pred = False
        assert torch.autograd.gradcheck(lambda given: loss(sigma, given, target), [pred])
    else:
        assert torch.autograd.gradcheck(lambda given: call(loss, given, target), [pred])


def assert_compiled_is_eager(name: str, backend: str) -> None:
    torch._dynamo.reset()
    loss = build(name)
    compiled = torch.compile(loss, backend=backend, fullgraph=True)
    values, gradients = [], []
    for one in (loss, compiled):
        # torch.compile hides the signature of forward.
        given = arguments(loss, images(0).requires_grad_(), images(1))
        value = one(**given)
        value.backward()
        values.append(value.item())
        gradients.append(given.get('sigma', given['pred']).grad)
    assert values[1] == pytest.approx(values[0], rel=1e-6)
    assert torch.allclose(gradients[1], gradients[0], rtol=1e-5, atol=1e-9)


needs_compile = pytest.mark.skipif(
    not hasattr(torch, 'compile') or sys.platform == 'win32', reason='this torch has no torch.compile'
)


@needs_compile
@every_loss
def test_traced_in_one_graph_it_equals_eager(name: str) -> None:
    try:
        assert_compiled_is_eager(name, 'aot_eager')
    except RuntimeError as error:
        if 'not supported' in str(error):
            pytest.skip(f'torch.compile is unavailable: {error}')
        raise


@needs_compile
@pytest.mark.slow
@every_loss
def test_compiled_it_equals_eager(name: str) -> None:
    try:
        assert_compiled_is_eager(name, 'inductor')
    except RuntimeError as error:
        if 'not supported' in str(error) or 'InvalidCxxCompiler' in str(error):
            pytest.skip(f'torch.compile is unavailable: {error}')
        raise


@every_loss
def test_the_check_of_option_files_knows_the_name(name: str, tmp_path: Path) -> None:
    from bsr_plugins.checks.type_checks import check_types, known_names
    from bsr_plugins.options.option_file import read_option_file

    names = known_names(tmp_path)
    path = tmp_path / 'x.yml'
    slot = 'sigma_opt' if reads_branch(build(name)) else 'pixel_opt'
    for written, problem in ((name, None), (f'{name}_bsrp', None), (f'{name}s', f"There is no loss named '{name}s'")):
        path.write_text(f'model_type: SRModel\ntrain:\n  {slot}: {{type: {written}}}\n')
        findings = check_types(read_option_file(str(path)), names, is_train=True)
        assert [finding.problem for finding in findings] == ([] if problem is None else [problem])
        assert problem is None or findings[0].remedy == f"did you mean '{name}'?"
