"""Gradients of an SR image's detector along the blur path, batched over images and steps in bounded memory."""

from __future__ import annotations

from typing import Callable, Iterator, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from bsr_plugins.attribution.attributed_network import InputFormat, Network, frozen_in_eval, place_of
from bsr_plugins.attribution.blur_path import BlurPath
from bsr_plugins.attribution.cam_options import CAM_RULE, CAM_STEPS
from bsr_plugins.attribution.gradient_detector import Window, gradient_detector
from bsr_plugins.common.errors import DataError, OptionError


class PathSteps(NamedTuple):
    """Some steps of the paths of N images.

    Attributes:
        path: The path.
        points: a_i (S,) in float64, where the gradients are taken.
        images: gamma(a_i) (N, S, C, h, w).
        gradients: G_i, those of the detector with respect to ``images``.
        phi: gradients * (gamma at the end of each step - gamma at its start).
    """

    path: BlurPath
    points: Tensor
    images: Tensor
    gradients: Tensor
    phi: Tensor


class Walk(NamedTuple):
    """How the path is walked.

    Attributes:
        sigma, kernel: See :class:`BlurPath`.
        steps: k.
        rule: The end of each step at which the gradient is taken, ``left`` or ``right``.
        window: What the detector sees; None: the whole SR image.
        calibrated: What is summed over the steps instead of phi.
    """

    sigma: float
    kernel: int
    steps: int
    rule: str
    window: Optional[Window]
    calibrated: Optional[Callable[[PathSteps], Tensor]] = None


def attributed(net: Network, lq: Tensor, walk: Walk, chunk: int) -> Tensor:
    """Return the sum over the steps of phi, or of what calibration makes of it, of the shape of ``lq``.

    ``chunk`` and errors as of :func:`~bsr_plugins.attribution.image_attribution.local_attribution_map`.
    """
    if not CAM_STEPS.kind.accepts(walk.steps):
        raise OptionError('The path has no step', where='steps', expected=CAM_STEPS.kind.text, found=walk.steps)
    CAM_RULE.checked(walk.rule, 'rule')
    if lq.dim() not in (3, 4) or not lq.is_floating_point():
        raise DataError(
            'This is no image to attribute',
            expected='floating-point values in [0, 1], (C, h, w) or (N, C, h, w)',
            found=f'{lq.dtype}, {tuple(lq.shape)}',
        )
    device, dtype = place_of(net, lq)
    images = lq.detach().to(device, dtype)
    images = images[None] if lq.dim() == 3 else images
    with frozen_in_eval(net, device) as frozen:
        forward = InputFormat(frozen, device)
        total = torch.zeros_like(images)
        ends = torch.arange(walk.steps + 1, device=device, dtype=torch.float64) / walk.steps
        for some, first, last in _chunks(len(images), walk.steps, images[0, 0].numel() if len(images) else 1, chunk):
            path = BlurPath(images[some], walk.sigma, walk.kernel)
            start, end = ends[first:last], ends[first + 1 : last + 1]
            total[some] += _contribution(forward, path, start, end, walk)
    return total if lq.dim() == 4 else total[0]


def _contribution(forward: Network, path: BlurPath, start: Tensor, end: Tensor, walk: Walk) -> Tensor:
    points = start if walk.rule == 'left' else end
    with torch.no_grad():
        images = path.images(points)
        differences = path.differences(start, end)
    gradients = _gradients(forward, images.flatten(0, 1).clone(), walk.window).view_as(images)
    with torch.no_grad():
        phi = gradients * differences
        if walk.calibrated is not None:
            phi = walk.calibrated(PathSteps(path, points, images, gradients, phi))
        return phi.sum(1)


def _gradients(forward: Network, images: Tensor, window: Optional[Window]) -> Tensor:
    inputs = images.requires_grad_(True)
    sr = forward(inputs)
    if not isinstance(sr, Tensor) or sr.dim() != 4 or len(sr) != len(images):
        raise DataError(
            'The network returns no images',
            expected=f'{len(images)} SR images, (N, C, H, W)',
            found=f'a tensor of shape {tuple(sr.shape)}' if isinstance(sr, Tensor) else type(sr).__name__,
        )
    if not sr.requires_grad:
        raise DataError(
            "The network's output has no gradient with respect to its input",
            expected='a forward pass that can be differentiated',
            found='one under torch.no_grad, a detached output, or one that does not depend on the input',
        )
    # Images do not see each other, so the gradient of the sum is each one's own.
    (gradients,) = torch.autograd.grad(gradient_detector(sr, window).sum(), inputs)
    return gradients


def _chunks(images: int, steps: int, pixels: int, chunk: int) -> Iterator[Tuple[slice, int, int]]:
    """Yield (images, first step, last step + 1): several whole images, or a part of the path of one."""
    at_once = max(1, chunk // max(1, pixels))
    together = max(1, at_once // steps)
    for first_image in range(0, images, together):
        for first in range(0, steps, min(steps, at_once)):
            yield slice(first_image, first_image + together), first, min(steps, first + min(steps, at_once))
