"""Focal Pixel Learning (CVPR 2023, Eq. 3-7): L1 on the bicubic residual, weighted towards pixels that are hard."""

from __future__ import annotations

import math
from typing import Any, Optional, Tuple, Union

import torch
from torch import Tensor

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.images.bicubic_resampling import downsample_bicubic, upsample_bicubic
from bsr_plugins.losses.blockwise import Formula, Group, blocks, of_group
from bsr_plugins.losses.elementwise import ElementwiseLoss, power, same_images
from bsr_plugins.losses.loss_options import FOCAL_PIXEL_LOSS

_DEFAULTS = FOCAL_PIXEL_LOSS.defaults

# Over which dimensions of (N, C, H, W) the minimum and the maximum of g are taken.
SCOPES = {'batch': (0, 1, 2, 3), 'sample': (1, 2, 3), 'sample_channel': (2, 3)}


def focal_pixel_loss(
    pred: Tensor,
    target: Tensor,
    base: Tensor,
    alpha_sp: float = _DEFAULTS.alpha_sp,
    gamma_sp: float = _DEFAULTS.gamma_sp,
    alpha_lp: float = _DEFAULTS.alpha_lp,
    gamma_lp: float = _DEFAULTS.gamma_lp,
    p: float = _DEFAULTS.p,
    norm_scope: str = _DEFAULTS.norm_scope,
) -> Tensor:
    """Return FPL's loss of each element, W(y_sp) * W(y_lp) * |pred - target|^p (Eq. 7).

    Where y_sp = |target - base| (Eq. 3), y_lp = |target - pred| (Eq. 4) and W(z) = alpha * exp(gamma * g(z)) (Eq. 5).
    With f(x) = pred - base and y_hat = target - base (Eq. 6), |f(x) - y_hat| is |target - pred|. Both weights are
    detached; the gradient is W_sp * W_lp * p |pred - target|^(p - 1) * sign(pred - target).

    Args:
        pred: Super-resolved images, residual + base, (N, C, H, W) in [0, 1].
        target: HR images, same shape.
        base: Bicubically upscaled LR images, same shape.
        alpha_sp: Factor of the weight by the static prior y_sp.
        gamma_sp: Exponent of that weight; 0 makes it constant.
        alpha_lp: Factor of the weight by the learnable prior y_lp.
        gamma_lp: Exponent of that weight.
        p: Power of the error; below 1 its gradient at error 0, infinite there, is taken as 0.
        norm_scope: What the minimum and the maximum of g are taken over: ``batch`` (authors' code), ``sample`` or
            ``sample_channel``.

    Returns:
        (N, C, H, W), not reduced.
    """
    return _FocalPixel(alpha_sp * alpha_lp, gamma_sp, gamma_lp, p, norm_scope).of('none', pred, target, base.detach())


class _FocalPixel(Formula):
    """See :func:`focal_pixel_loss`; with p = 1 its slope is W_sp * W_lp * sign(pred - target)."""

    def __init__(self, alpha: float, gamma_sp: float, gamma_lp: float, p: float, scope: str) -> None:
        self.alpha, self.gamma_sp, self.gamma_lp = alpha, gamma_sp, gamma_lp
        self.p, self.scope = p, scope
        self.has_closed_form = p == 1

    def composite(self, pred: Tensor, target: Tensor, *more: Tensor) -> Tensor:
        error = (pred - target).abs()
        with torch.no_grad():
            exponent: Optional[Tensor] = None
            if self.gamma_sp:
                exponent = self.gamma_sp * min_max_normalised((target - more[0]).abs(), self.scope)
            if self.gamma_lp:
                learnt = self.gamma_lp * min_max_normalised(error, self.scope)
                exponent = learnt if exponent is None else exponent + learnt
            weight: Union[float, Tensor] = self.alpha
            if exponent is not None:
                weight = exponent.exp_().mul_(weight)
        return weight * power(error, self.p)

    def write(self, loss: Tensor, slope: Optional[Tensor], pred: Tensor, target: Tensor, *more: Tensor) -> None:
        base = more[0]
        groups = {'batch': 1, 'sample': len(pred), 'sample_channel': len(pred) * pred.shape[1]}[self.scope]
        static, learnt = (
            _extent(self.scope, groups, *pair) if gamma else None
            for gamma, pair in ((self.gamma_sp, (target, base)), (self.gamma_lp, (pred, target)))
        )
        for group, value, steepness, output, truth, bicubic in blocks(groups, loss, slope, pred, target, base):
            error = torch.sub(output, truth, out=value)
            sign = None if steepness is None else error.sign()
            size = error.abs_()
            weight = torch.empty_like(size) if steepness is None else steepness
            if static is not None:
                _normalise_(torch.sub(truth, bicubic, out=weight).abs_(), weight, static, group, self.gamma_sp)
                if learnt is not None:
                    weight.add_(_normalise_(size, torch.empty_like(size), learnt, group, self.gamma_lp))
            elif learnt is not None:
                _normalise_(size, weight, learnt, group, self.gamma_lp)
            if static is None and learnt is None:
                weight.fill_(self.alpha)
            else:
                weight.exp_().mul_(self.alpha)
            value.mul_(weight)
            if sign is not None:
                weight.mul_(sign)


_Extent = Tuple[Tensor, Tensor]


def _extent(scope: str, groups: int, one: Tensor, other: Tensor) -> _Extent:
    """Return the minimum of |one - other| in each group and what g divides by."""
    dims = SCOPES[scope]
    shape = [1 if dim in dims else size for dim, size in enumerate(one.shape)]
    low, high = one.new_full(shape, math.inf), one.new_full(shape, -math.inf)
    for group, *pair in blocks(groups, one.detach(), other.detach()):
        size = (pair[0] - pair[1]).abs_()
        if isinstance(group, slice):
            low, high = size.amin(dims, keepdim=True), size.amax(dims, keepdim=True)
        else:
            least, most = torch.aminmax(size)
            for extreme, found, choose in ((low, least, torch.minimum), (high, most, torch.maximum)):
                choose(of_group(extreme, group), found, out=of_group(extreme, group))
    span = high.sub_(low)
    return low, span.masked_fill_(span == 0, 1)


def _normalise_(size: Tensor, out: Tensor, extent: _Extent, group: Group, gamma: float) -> Tensor:
    """Write gamma times g of a block, see :func:`min_max_normalised`."""
    torch.sub(size, of_group(extent[0], group), out=out).div_(of_group(extent[1], group))
    return out if gamma == 1 else out.mul_(gamma)


def min_max_normalised(z: Tensor, scope: str = _DEFAULTS.norm_scope) -> Tensor:
    """Return g(z) = (z - min z) / (max z - min z), in [0, 1].

    Departure: 0 where z is constant (the weight is then alpha); the authors' code divides 0 by 0 there.
    """
    dims = SCOPES[scope]
    low = z.amin(dims, keepdim=True)
    span = z.amax(dims, keepdim=True) - low
    return (z - low) / span.masked_fill(span == 0, 1)


class FocalPixelLoss(ElementwiseLoss):
    """FPL as a loss of BasicSR: W_sp * W_lp * |pred - target|^p, weighted and reduced, see :func:`focal_pixel_loss`.

    ``pred`` is the whole image. The paper trains the residual: take ``BicubicResidual`` as network, which adds the
    bicubic image. With several processes each one takes the minimum and the maximum over its own part of the batch, as
    the authors' code does.

    Args:
        alpha_sp: Factor of the weight by y_sp.
        gamma_sp: Exponent of that weight. ``gamma_*: 0`` with ``alpha_*: 1`` is L1.
        alpha_lp: Factor of the weight by y_lp.
        gamma_lp: Exponent of that weight.
        p: Power of the error.
        norm_scope: ``batch``, ``sample`` or ``sample_channel``.
        bicubic: ``torch`` (a = -0.75, authors' code) or ``matlab`` (a = -0.5); neither clamps.
        scale: Upscaling factor. Needed where no ``lq`` comes with the images (stock SRModel): ``lq`` is then the target
            downscaled by antialiased bicubic of the same kind, which is what the network saw only where the LR images
            were made that way.
        loss_weight: Factor of the loss.
        reduction: ``mean``, ``sum`` or ``none``.

    Raises:
        OptionError: An option has a wrong value.
    """

    def __init__(
        self,
        alpha_sp: float = _DEFAULTS.alpha_sp,
        gamma_sp: float = _DEFAULTS.gamma_sp,
        alpha_lp: float = _DEFAULTS.alpha_lp,
        gamma_lp: float = _DEFAULTS.gamma_lp,
        p: float = _DEFAULTS.p,
        norm_scope: str = _DEFAULTS.norm_scope,
        bicubic: str = _DEFAULTS.bicubic,
        scale: Optional[int] = _DEFAULTS.scale,
        loss_weight: float = _DEFAULTS.loss_weight,
        reduction: str = _DEFAULTS.reduction,
    ) -> None:
        super().__init__(loss_weight, reduction)
        FOCAL_PIXEL_LOSS.check(
            alpha_sp=alpha_sp,
            gamma_sp=gamma_sp,
            alpha_lp=alpha_lp,
            gamma_lp=gamma_lp,
            p=p,
            norm_scope=norm_scope,
            bicubic=bicubic,
            scale=scale,
            loss_weight=loss_weight,
            reduction=reduction,
        )
        self.alpha_sp, self.gamma_sp = alpha_sp, gamma_sp
        self.alpha_lp, self.gamma_lp = alpha_lp, gamma_lp
        self.p = p
        self.norm_scope = norm_scope
        self.bicubic = bicubic
        self.scale = scale

    def forward(
        self, pred: Tensor, target: Tensor, weight: Optional[Tensor] = None, lq: Optional[Tensor] = None, **kwargs: Any
    ) -> Tensor:
        """Return the loss.

        Args:
            pred: Super-resolved images, (N, C, H, W) in [0, 1].
            target: HR images, same shape.
            weight: Elementwise weights, each side 1 or as that of ``pred``.
            lq: LR images, (N, C, H / s, W / s) for a whole s >= 1.
            **kwargs: Not used.

        Raises:
            DataError: The shapes do not fit each other.
            OptionError: There is neither ``lq`` nor ``scale``.
        """
        pred, target = same_images('FocalPixelLoss', pred=pred, target=target)
        if pred.dim() != 4:
            raise DataError(
                'FocalPixelLoss needs a batch of images',
                expected='(N, C, H, W)',
                found=tuple(pred.shape),
            )
        with torch.no_grad():
            base = self._base(target, lq)
        alpha = self.alpha_sp * self.alpha_lp
        formula = _FocalPixel(alpha, self.gamma_sp, self.gamma_lp, self.p, self.norm_scope)
        return self._computed(formula, weight, pred, target, base)

    def _base(self, target: Tensor, lq: Optional[Tensor]) -> Tensor:
        if lq is None:
            if self.scale is None:
                raise OptionError(
                    'FocalPixelLoss was given no lq images and cannot derive them',
                    where='train.pixel_opt.scale',
                    expected='lq from the model, or scale',
                    found='neither',
                    remedy='use model_type: RebalancedSRModel, which passes lq to the '
                    'loss, or set scale of the loss, so that lq is derived from the target',
                )
            _check_divisible(target, self.scale)
            return upsample_bicubic(downsample_bicubic(target, self.scale, self.bicubic), self.scale, self.bicubic)
        return upsample_bicubic(lq.to(target.dtype), self._scale_of(target, lq), self.bicubic)

    def _scale_of(self, target: Tensor, lq: Tensor) -> int:
        height = lq.shape[-2] if lq.dim() == 4 else 0
        scale = self.scale or target.shape[-2] // max(1, height)
        if height == 0 or scale < 1 or target.shape != (*lq.shape[:2], height * scale, lq.shape[3] * scale):
            factor = f'scale {self.scale}' if self.scale else 'a whole number'
            raise DataError(
                'The lq images given to FocalPixelLoss do not fit the target',
                expected=f'the target, {tuple(target.shape)}, with H and W divided by {factor}',
                found=tuple(lq.shape),
                remedy='check scale of the loss, and scale and gt_size of the data set',
            )
        return scale


def _check_divisible(target: Tensor, scale: int) -> None:
    height, width = target.shape[-2:]
    if height % scale or width % scale:
        raise DataError(
            'FocalPixelLoss cannot derive lq from a target of this size',
            expected=f'height and width that are multiples of scale {scale}',
            found=tuple(target.shape),
            remedy=f'set gt_size to a multiple of {scale}',
        )
