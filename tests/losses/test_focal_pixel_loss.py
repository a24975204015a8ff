"""FocalPixelLoss: the published weights, the detached gradient, constant images, scopes, both bicubics, lq or scale."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.images.bicubic_resampling import downsample_bicubic, upsample_bicubic
from bsr_plugins.losses.focal_pixel_loss import FocalPixelLoss, focal_pixel_loss, min_max_normalised

Y_SP = torch.tensor([0.0, 0.1, 0.2, 0.4], dtype=torch.float64).view(1, 1, 2, 2)
Y_LP = torch.tensor([0.1, 0.1, 0.3, 0.2], dtype=torch.float64).view(1, 1, 2, 2)
W_SP = [0.5, 0.642013, 0.824361, 1.359141]
W_LP = [1, 1, 2.718282, 1.648721]


def images(*shape: int, seed: int = 0, **kind: Any) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), **kind)


def flat(tensor: Tensor) -> list:
    return tensor.flatten().tolist()


def test_golden_weights_and_loss() -> None:
    target = torch.full_like(Y_SP, 0.5)
    options = {'pred': target - Y_LP, 'target': target, 'base': target - Y_SP}
    loss = focal_pixel_loss(**options)
    assert flat(loss) == pytest.approx([a * b * c for a, b, c in zip(W_SP, W_LP, flat(Y_LP))], abs=1e-6)
    assert loss.mean().item() == pytest.approx(0.308656, abs=1e-6)
    assert flat(focal_pixel_loss(**options, gamma_lp=0) / Y_LP) == pytest.approx(W_SP, abs=1e-6)
    assert flat(focal_pixel_loss(**options, alpha_sp=1, gamma_sp=0) / Y_LP) == pytest.approx(W_LP, abs=1e-6)


def test_the_sign_of_the_errors_does_not_matter() -> None:
    target = torch.full_like(Y_SP, 0.5)
    signs = torch.tensor([1.0, -1.0, -1.0, 1.0]).view(1, 1, 2, 2)
    loss = focal_pixel_loss(target + signs * Y_LP, target, target - signs * Y_SP)
    assert loss.mean().item() == pytest.approx(0.308656, abs=1e-6)


def test_weights_lie_between_half_and_half_e_squared() -> None:
    pred, target, base = (images(3, 3, 12, 12, seed=seed, dtype=torch.float64) for seed in range(3))
    weight = focal_pixel_loss(pred, target, base) / (pred - target).abs()
    assert weight.min() >= 0.5 - 1e-12
    assert weight.max() <= 0.5 * math.e**2 + 1e-12
    peak = focal_pixel_loss(pred, target, pred) / (pred - target).abs()
    assert peak.max().item() == pytest.approx(3.694528, abs=1e-6)


def test_a_network_that_emits_zero_has_both_priors_equal() -> None:
    lq, target = images(2, 3, 6, 6, dtype=torch.float64), images(2, 3, 24, 24, seed=1, dtype=torch.float64)
    base = upsample_bicubic(lq, 4)
    error = (target - base).abs()
    expected = 0.5 * torch.exp(2 * (error - error.min()) / (error.max() - error.min())) * error
    assert torch.allclose(FocalPixelLoss(reduction='none')(base, target, lq=lq), expected, atol=1e-12)


def test_equals_the_published_form_on_residuals() -> None:
    """The authors' code sees the residual f(x); here f(x) + BI(x) comes in."""
    lq, target = images(2, 3, 6, 5), images(2, 3, 24, 20, seed=1)
    residual = 0.2 * (images(2, 3, 24, 20, seed=2) - 0.5)
    base = functional.interpolate(lq, size=target.shape[2:], mode='bicubic', align_corners=False)
    y_hat = target - base

    def weight(z: Tensor, alpha: float, gamma: float) -> Tensor:
        return alpha * torch.exp(gamma * (z - z.min()) / (z.max() - z.min()))

    expected = (weight(y_hat.abs(), 0.5, 1) * weight((y_hat - residual).abs(), 1, 1) * (residual - y_hat).abs()).mean()
    assert FocalPixelLoss()(residual + base, target, lq=lq).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize('p', [1, 2, 1.5])
def test_the_gradient_leaves_the_weights_alone(p: float) -> None:
    lq = images(2, 3, 3, 3, dtype=torch.float64)
    target = images(2, 3, 12, 12, seed=1, dtype=torch.float64)
    pred = images(2, 3, 12, 12, seed=2, dtype=torch.float64).requires_grad_()
    FocalPixelLoss(p=p)(pred, target, lq=lq).backward()
    with torch.no_grad():
        error = pred - target
        weight = 0.5 * torch.exp(
            min_max_normalised((target - upsample_bicubic(lq, 4)).abs()) + min_max_normalised(error.abs())
        )
        expected = weight * p * error.abs() ** (p - 1) * error.sign() / error.numel()
    assert torch.allclose(pred.grad, expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize('weight', [None, 'given'])
@pytest.mark.parametrize('reduction', ['mean', 'sum', 'none'])
def test_without_exponents_it_is_l1(weight: Any, reduction: str) -> None:
    from basicsr.losses.basic_loss import L1Loss

    lq, pred, target = images(2, 3, 4, 4), images(2, 3, 16, 16, seed=1), images(2, 3, 16, 16, seed=2)
    weight = None if weight is None else images(2, 3, 16, 16, seed=3)
    loss = FocalPixelLoss(alpha_sp=1, gamma_sp=0, gamma_lp=0, reduction=reduction)
    assert torch.equal(loss(pred, target, weight, lq=lq), L1Loss(reduction=reduction)(pred, target, weight))


def test_power() -> None:
    lq, pred, target = images(1, 1, 2, 2), images(1, 1, 4, 4, seed=1), images(1, 1, 4, 4, seed=2)
    kept = {'alpha_sp': 1, 'gamma_sp': 0, 'gamma_lp': 0, 'reduction': 'none'}
    for p in (0.5, 2, 3):
        expected = (pred - target).abs() ** p
        assert torch.allclose(FocalPixelLoss(p=p, **kept)(pred, target, lq=lq), expected)
    perfect = target.clone().requires_grad_()
    FocalPixelLoss(p=0.5)(perfect, target, lq=lq).backward()
    assert perfect.grad.abs().max() == 0


@pytest.mark.parametrize('norm_scope', ['batch', 'sample', 'sample_channel'])
def test_constant_images_are_finite(norm_scope: str) -> None:
    lq, target = torch.full((2, 3, 2, 2), 0.25), torch.full((2, 3, 8, 8), 0.25)
    pred = torch.full((2, 3, 8, 8), 0.5, requires_grad=True)
    loss = FocalPixelLoss(alpha_sp=0.7, alpha_lp=0.6, norm_scope=norm_scope)(pred, target, lq=lq)
    loss.backward()
    # g = 0 in both priors, so that the weight is alpha_sp * alpha_lp.
    assert loss.item() == pytest.approx(0.7 * 0.6 * 0.25, rel=1e-6)
    assert pred.grad.isfinite().all()


def test_scopes_of_minimum_and_maximum() -> None:
    z = torch.tensor([[[0.0, 1.0], [2.0, 4.0]], [[0.0, 2.0], [8.0, 8.0]]]).view(2, 2, 1, 2)
    assert flat(min_max_normalised(z, 'batch')) == [0, 0.125, 0.25, 0.5, 0, 0.25, 1, 1]
    assert flat(min_max_normalised(z, 'sample')) == [0, 0.25, 0.5, 1, 0, 0.25, 1, 1]
    assert flat(min_max_normalised(z, 'sample_channel')) == [0, 1, 0, 1, 0, 1, 0, 0]


def test_samples_are_independent_in_the_scope_sample() -> None:
    lq, pred, target = images(3, 3, 4, 4), images(3, 3, 8, 8, seed=1), images(3, 3, 8, 8, seed=2)
    pred[0] += 1
    for scope, independent in (('sample', True), ('sample_channel', True), ('batch', False)):
        loss = FocalPixelLoss(norm_scope=scope, reduction='none')
        alone = loss(pred[1:2], target[1:2], lq=lq[1:2])
        assert torch.allclose(loss(pred, target, lq=lq)[1:2], alone) == independent


@pytest.mark.parametrize('bicubic', ['torch', 'matlab'])
@pytest.mark.parametrize('scale', [1, 2, 3, 4])
def test_lq_from_the_model_or_from_the_target(bicubic: str, scale: int) -> None:
    pred, target = images(2, 3, 24, 12), images(2, 3, 24, 12, seed=1)
    lq = downsample_bicubic(target, scale, bicubic)
    loss = FocalPixelLoss(bicubic=bicubic, scale=scale)
    derived = loss(pred, target)
    assert torch.equal(derived, loss(pred, target, lq=lq))
    assert torch.equal(derived, FocalPixelLoss(bicubic=bicubic)(pred, target, lq=lq))
    expected = focal_pixel_loss(pred, target, upsample_bicubic(lq, scale, bicubic)).mean()
    assert torch.equal(derived, expected)
    assert (loss(pred, target, lq=images(2, 3, 24 // scale, 12 // scale, seed=3)) == derived) == False  # noqa: E712


def test_the_two_bicubics_differ() -> None:
    lq, pred, target = images(1, 3, 4, 4), images(1, 3, 16, 16, seed=1), images(1, 3, 16, 16, seed=2)
    torchs, matlabs = (FocalPixelLoss(bicubic=kernel)(pred, target, lq=lq).item() for kernel in ('torch', 'matlab'))
    assert torchs != pytest.approx(matlabs, rel=1e-5)
    assert torchs == pytest.approx(matlabs, rel=0.1)


def test_realsr_scale_one() -> None:
    """An LR as large as the HR is its own bicubic image."""
    lq, pred, target = images(2, 3, 9, 7), images(2, 3, 9, 7, seed=1), images(2, 3, 9, 7, seed=2)
    for bicubic in ('torch', 'matlab'):
        assert torch.equal(
            FocalPixelLoss(bicubic=bicubic)(pred, target, lq=lq), focal_pixel_loss(pred, target, lq).mean()
        )


def test_without_lq_and_scale_the_error_names_both_remedies() -> None:
    with pytest.raises(OptionError) as caught:
        FocalPixelLoss()(images(1, 3, 8, 8), images(1, 3, 8, 8))
    assert 'RebalancedSRModel' in caught.value.remedy and 'set scale of the loss' in caught.value.remedy
    assert 'no lq image' in caught.value.problem


@pytest.mark.parametrize(
    'shape', [(1, 3, 4, 4), (2, 1, 4, 4), (2, 3, 4, 3), (2, 3, 5, 5), (2, 3, 32, 32), (3, 4, 4), (2, 3, 0, 0)]
)
def test_an_lq_that_does_not_fit(shape: tuple) -> None:
    pred = images(2, 3, 16, 16)
    with pytest.raises(
        DataError, match=r'(?s)lq images given to FocalPixelLoss do not fit.*\(2, 3, 16, 16\).*a whole number.*found'
    ):
        FocalPixelLoss()(pred, pred, lq=torch.zeros(shape))


def test_an_lq_of_another_scale_than_the_option() -> None:
    pred = images(2, 3, 16, 16)
    with pytest.raises(DataError, match=r'(?s)divided by scale 2.*found: +\(2, 3, 4, 4\)'):
        FocalPixelLoss(scale=2)(pred, pred, lq=images(2, 3, 4, 4))


def test_a_target_that_the_scale_does_not_divide() -> None:
    with pytest.raises(DataError, match='(?s)cannot derive lq.*multiples of scale 4.*gt_size'):
        FocalPixelLoss(scale=4)(images(1, 3, 16, 18), images(1, 3, 16, 18))


def test_only_batches_of_images() -> None:
    with pytest.raises(DataError, match=r'(?s)\(N, C, H, W\).*found: +\(3, 8, 8\)'):
        FocalPixelLoss(scale=2)(images(3, 8, 8), images(3, 8, 8))


@pytest.mark.parametrize(
    'options, message',
    [
        ({'norm_scope': 'samples'}, "(?s)'norm_scope'.*FocalPixelLoss.norm_scope.*did you mean 'sample'"),
        ({'bicubic': 'mathlab'}, "did you mean 'matlab'"),
        ({'scale': 0}, '(?s)FocalPixelLoss.scale.*whole number >= 1'),
        ({'scale': 2.0}, 'whole number >= 1'),
        ({'scale': True}, 'whole number >= 1'),
        ({'p': 0}, '(?s)number > 0.*found: +0'),
        ({'alpha_sp': 0}, 'number > 0'),
        ({'alpha_lp': -1}, 'number > 0'),
        ({'gamma_sp': '1e-3'}, 'YAML reads 1e-3 as text'),
        ({'gamma_lp': float('inf')}, 'number'),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        FocalPixelLoss(**options)


@pytest.mark.parametrize('scale', [None, 4])
def test_the_caller_s_images_stay_as_they_are(scale: Any) -> None:
    lq, pred, target = images(1, 3, 4, 4), images(1, 3, 16, 16, seed=1), images(1, 3, 16, 16, seed=2)
    before = [image.clone() for image in (lq, pred, target)]
    FocalPixelLoss(scale=scale)(pred, target, lq=None if scale else lq)
    assert all(torch.equal(*pair) for pair in zip(before, (lq, pred, target)))
