"""l_E, the expectation of L1 over plausible images ("Revisiting L1 Loss in Super-Resolution", Eq. 6 to 8)."""

from __future__ import annotations

import math
from typing import Any, Optional, Tuple, Union

import torch
from torch import Tensor

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.losses.blockwise import Formula, Group, blocks, of_group
from bsr_plugins.losses.elementwise import ElementwiseLoss, check_broadcast, same_images
from bsr_plugins.losses.error_threshold import below_mean, mean_error
from bsr_plugins.losses.laplace_noise import laplace_noise
from bsr_plugins.losses.loss_options import EXPECTATION_LOSS

_DEFAULTS = EXPECTATION_LOSS.defaults


def expectation_loss(
    pred: Tensor,
    target: Tensor,
    noise: Tensor,
    threshold: str = _DEFAULTS.threshold,
    scale: Optional[Union[Tensor, float]] = None,
) -> Tensor:
    """Return l_E of each element, |y - (mu + s * z)| with s = |y - mu| (Eq. 8), or another s (Eq. 6 and 7).

    Where mu = ``pred``, y = ``target`` and z = ``noise``. Eq. 8, with e = y - mu, is |e| * |sign(e) - z|, and its
    derivative by mu is -sign(e) * |sign(e) - z|: the gradient flows through mu and through |y - mu|, and so always
    leads towards y (Eq. 9). E_z is 1.16663 * |e|, not 1 as in Eq. 9; z = 0 is L1.

    With a learned s (Eq. 6) the gradient flows into s too, which falls towards 0 (the paper's Fig. 2): E_z of
    |e - s z| grows with s from |e|, its value at s = 0. With a constant s (Eq. 7) mu learns from noised HR images.

    Args:
        pred: Super-resolved images, (N, C, H, W) in [0, 1].
        target: HR images, same shape.
        noise: Draws of N(0, 1) that broadcast to ``pred``; one more dimension in front holds several draws.
        threshold: The paper's Sec. 4.3: where |y - mu| is less than its mean over the ``batch`` or the ``sample``, the
            noise is 0, which leaves plain L1 there. The mask is detached. ``none``: noise everywhere. The paper does
            not say what is set to zero; here it is the scale of the noise.
        scale: s; a tensor of the shape of ``pred``, or a number >= 0. None: |y - mu|.

    Returns:
        (N, C, H, W), the mean over the draws, not reduced.
    """
    if scale is None and noise.dim() == pred.dim():
        return _Expectation(threshold).of('none', pred, target, noise)
    loss = _composite(pred, target, noise, threshold, scale)
    return loss.mean(0) if noise.dim() > pred.dim() else loss


def _composite(
    pred: Tensor, target: Tensor, noise: Tensor, threshold: str, scale: Optional[Union[Tensor, float]] = None
) -> Tensor:
    error = target - pred
    spread: Union[Tensor, float] = error.abs() if scale is None else scale
    if threshold != 'none':
        spread = torch.as_tensor(spread).expand_as(error).masked_fill(below_mean(error.abs(), threshold), 0)
    return (error - spread * noise).abs()


class _Expectation(Formula):
    """Eq. 8 with one draw; by pred, with d = pred - target: sign(d) |sign(d) + z|, with z = 0 below the threshold."""

    def __init__(self, threshold: str) -> None:
        self.threshold = threshold

    def composite(self, pred: Tensor, target: Tensor, *more: Tensor) -> Tensor:
        return _composite(pred, target, more[0], self.threshold)

    def write(self, loss: Tensor, slope: Optional[Tensor], pred: Tensor, target: Tensor, *more: Tensor) -> None:
        noise = more[0].expand_as(pred).contiguous()
        for _, value, output, truth in blocks(1, loss, pred, target):
            torch.sub(output, truth, out=value).abs_()
        mean = None if self.threshold == 'none' else mean_error(loss, self.threshold)
        groups = len(pred) if self.threshold == 'sample' else 1
        for group, value, steepness, output, truth, z in blocks(groups, loss, slope, pred, target, noise):
            error = output - truth
            if mean is not None:
                _clear_below_(value, mean, group)
            if steepness is not None:
                # Where the error is 0 so is the slope, whether or not there is noise.
                torch.sign(value, out=steepness).mul_(z)
                sign = error.sign()
                steepness.add_(sign).abs_().mul_(sign)
            torch.add(error, value.mul_(z), out=value).abs_()


def _clear_below_(size: Tensor, mean: Tensor, group: Group) -> None:
    """Set what is less than the mean to 0."""
    if isinstance(group, slice):
        size.masked_fill_(size < mean, 0)
    else:  # a tenth of the time: what is not above the number before the mean
        least = torch.nextafter(of_group(mean, group), mean.new_tensor(-math.inf))
        torch.threshold_(size, least.item(), 0)


class ExpectationLoss(ElementwiseLoss):
    """l_E as a loss of BasicSR, see :func:`expectation_loss`. Training only: at test the network's output is mu.

    Args:
        noise: One draw for each ``element`` (the paper's element-wise product), each ``pixel`` (the same in all
            channels) or each ``sample`` of the batch.
        num_draws: Draws that one loss averages; the paper leaves the expectation to SGD, which is 1.
        threshold: ``batch``, ``sample`` or ``none``, see :func:`expectation_loss`. The mean over draws is 1.16663 * L1
            only with ``none``.
        noise_scale: What z is multiplied by: ``error``, |y - mu| (Eq. 8); ``sigma``, what ``network_sigma`` predicts
            and learns by this loss (Eq. 6); or a number k, in units of images in [0, 1] (Eq. 7).
        distribution: Of z: ``normal``, or ``laplace`` (:func:`bsr_plugins.losses.laplace_noise.laplace_noise`).
        loss_weight: Factor of the loss.
        reduction: ``mean`` (the paper sums over the image: its kT is dropped), ``sum`` or ``none``.

    Raises:
        OptionError: An option has a wrong value.
    """

    #: Tells a model to pass ``noise=``, by draw_noise with a generator that it keys by the iteration.
    takes_noise = True

    def __init__(
        self,
        noise: str = _DEFAULTS.noise,
        num_draws: int = _DEFAULTS.num_draws,
        threshold: str = _DEFAULTS.threshold,
        loss_weight: float = _DEFAULTS.loss_weight,
        reduction: str = _DEFAULTS.reduction,
        noise_scale: Union[str, float] = _DEFAULTS.noise_scale,
        distribution: str = _DEFAULTS.distribution,
    ) -> None:
        super().__init__(loss_weight, reduction)
        EXPECTATION_LOSS.check(
            noise=noise,
            num_draws=num_draws,
            threshold=threshold,
            noise_scale=noise_scale,
            distribution=distribution,
            loss_weight=loss_weight,
            reduction=reduction,
        )
        self.noise = noise
        self.num_draws = num_draws
        self.threshold = threshold
        self.noise_scale = noise_scale
        self.distribution = distribution
        #: Tells a model to pass ``sigma=``, the output of ``network_sigma``.
        self.takes_sigma = noise_scale == 'sigma'

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Optional[Tensor] = None,
        noise: Optional[Tensor] = None,
        sigma: Optional[Tensor] = None,
        **kwargs: Any,
    ) -> Tensor:
        """Return the loss.

        Args:
            pred: Super-resolved images, (N, C, H, W) in [0, 1].
            target: HR images, same shape.
            weight: Elementwise weights, each side 1 or as that of ``pred``.
            noise: What :meth:`draw_noise` returns. None: drawn from torch's global generator.
            sigma: With ``noise_scale: sigma``: the output of the sigma branch, same shape as ``pred``.
            **kwargs: Not used.

        Raises:
            OptionError: ``noise_scale`` is ``sigma`` and there is none.
            DataError: The shapes do not fit each other.
        """
        pred, target = same_images('ExpectationLoss', pred=pred, target=target)
        scale = self._scale(pred, sigma)
        if noise is None:
            noise = self.draw_noise(pred)
        else:
            self._check_noise(noise, pred)
            noise = noise.to(pred.device, pred.dtype)
        if scale is None and noise.dim() == pred.dim():
            return self._computed(_Expectation(self.threshold), weight, pred, target, noise)
        return self._reduced(expectation_loss(pred, target, noise, self.threshold, scale), weight)

    def _scale(self, pred: Tensor, sigma: Optional[Tensor]) -> Optional[Union[Tensor, float]]:
        if self.noise_scale == 'error':
            return None
        if not self.takes_sigma:
            return float(self.noise_scale)
        if sigma is None:
            raise OptionError(
                'ExpectationLoss with noise_scale: sigma was given no sigma',
                where='noise_scale',
                expected='the output of a sigma branch',
                remedy='model_type: RebalancedSRModel and network_sigma: {type: SigmaBranch}, or another noise_scale',
            )
        return same_images('ExpectationLoss', pred=pred, sigma=sigma)[1]

    def draw_noise(self, pred: Tensor, generator: Optional[torch.Generator] = None) -> Tensor:
        """Return draws of ``distribution`` for ``pred`` (N, C, H, W).

        Args:
            pred: The images, for their shape, type and device.
            generator: Where the draws come from, on its own device. None: torch's global generator.

        Returns:
            (N, C, H, W), (N, 1, H, W) or (N, 1, 1, 1) by ``noise``, with ``num_draws`` in front where it is above 1;
            float32, float64 for a float64 ``pred``; on the device of ``pred``.

        Raises:
            DataError: ``noise`` is ``pixel`` and ``pred`` has no channels.
        """
        dtype = torch.float64 if pred.dtype == torch.float64 else torch.float32
        device = pred.device if generator is None else generator.device
        draw = torch.randn if self.distribution == 'normal' else torch.rand
        drawn = draw(self._noise_shape(pred), generator=generator, device=device, dtype=dtype)
        if self.distribution == 'laplace':
            drawn = laplace_noise(drawn - 0.5)
        return drawn.to(pred.device)

    def _noise_shape(self, pred: Tensor) -> Tuple[int, ...]:
        shape = list(pred.shape)
        if self.noise == 'sample':
            shape[1:] = [1] * (len(shape) - 1)
        elif self.noise == 'pixel':
            if len(shape) < 3:
                raise DataError(
                    'ExpectationLoss with noise: pixel needs images',
                    expected='(N, C, H, W)',
                    found=tuple(shape),
                )
            shape[-3] = 1
        return (self.num_draws, *shape) if self.num_draws > 1 else tuple(shape)

    def _check_noise(self, noise: Tensor, pred: Tensor) -> None:
        if self.num_draws == 1 and noise.dim() == pred.dim():
            check_broadcast('ExpectationLoss', 'noise', noise, pred.shape)
        else:
            check_broadcast('ExpectationLoss', 'noise', noise, (self.num_draws, *pred.shape))
            if len(noise) != self.num_draws:
                raise DataError(
                    'The noise given to ExpectationLoss has a different number of draws than num_draws',
                    expected=self.num_draws,
                    found=len(noise),
                    remedy='draw the noise with draw_noise',
                )
