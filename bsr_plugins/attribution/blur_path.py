"""The path of LAM from a blurred image to the image itself (CVPR 2021, blur path; ADD's supplement, Algorithm 1)."""

from __future__ import annotations

from typing import List

import torch
from torch import Tensor
from torch.nn import functional as F

from bsr_plugins.attribution.cam_options import CAM_KERNEL, CAM_SIGMA
from bsr_plugins.common.errors import DataError, OptionError

# Keeps the kernel of sigma 0 from a division by zero, in LR pixels; the constant of LAM's code.
_EPSILON = 1e-5


def gaussian_kernels(sigmas: Tensor, size: int) -> Tensor:
    r"""Return the kernels :math:`k(x, y) \propto \exp(-(x^2 + y^2) / (2 (\sigma + 10^{-5})^2))`, each of sum 1.

    Args:
        sigmas: Standard deviations in pixels, >= 0, of any shape (...).
        size: Odd side of the kernel.

    Returns:
        (..., size, size), in the type of ``sigmas``; exactly the unit impulse where sigma is 0.

    Raises:
        OptionError: ``size`` is not an odd number >= 1. LAM's code takes even ones, and moves the image by a pixel.
    """
    _check_kernel(size)
    places = torch.arange(size, dtype=sigmas.dtype, device=sigmas.device) - size // 2
    squares = places[:, None] ** 2 + places**2
    kernels = torch.exp(-squares / (2 * (sigmas[..., None, None] + _EPSILON) ** 2))
    return kernels / kernels.sum((-2, -1), keepdim=True)


def _check_kernel(size: int) -> None:
    if not CAM_KERNEL.kind.accepts(size):
        raise OptionError(
            'The blur kernel has no middle', where='kernel', expected=CAM_KERNEL.kind.text, found=repr(size)
        )


class BlurPath:
    r"""Images on the path :math:`\gamma(a) = \omega(\sigma (1 - a)) * I`: a = 0 is the blurred image, a = 1 the image.

    The image is reflected at its borders without its outermost pixels twice, as by LAM's code (OpenCV's default). All
    that is returned is differentiable in the images. Constant images stay exactly constant, their differences exactly
    zero: the first pixel of each channel is subtracted before the convolution.

    Args:
        lq: (N, C, h, w), float32 or float64.
        sigma: Standard deviation at a = 0, in pixels, >= 0.
        kernel: Odd side of the kernel.

    Raises:
        OptionError: ``sigma`` or ``kernel`` is out of range.
        DataError: The images have no pixel.
    """

    def __init__(self, lq: Tensor, sigma: float, kernel: int) -> None:
        if not CAM_SIGMA.kind.accepts(sigma):
            raise OptionError(
                'This is no standard deviation of a blur',
                where='sigma',
                expected=CAM_SIGMA.kind.text,
                found=repr(sigma),
            )
        _check_kernel(kernel)
        if not lq.shape[-1] * lq.shape[-2]:
            raise DataError('An image without a pixel has no path', found=tuple(lq.shape))
        self.sigma, self.kernel = sigma, kernel
        self._level = lq[..., :1, :1]
        self._padded = reflected(lq - self._level, *(kernel // 2,) * 4)

    def kernels(self, points: Tensor) -> Tensor:
        """Return the kernels (..., l, l) in float64 of the points ``a`` (...)."""
        return gaussian_kernels(self.sigma * (1 - points.double()), self.kernel)

    def images(self, points: Tensor) -> Tensor:
        """Return gamma(a) (N, S, C, h, w) of the points (S,), or of each image's own points (N, S)."""
        return self._level[:, None] + self._filtered(self.kernels(points))

    def differences(self, start: Tensor, end: Tensor) -> Tensor:
        """Return gamma(end) - gamma(start) (N, S, C, h, w) of points (S,) or (N, S).

        It is the convolution with the difference of both kernels, as in LAM, whose rounding is relative to it.
        """
        return self._filtered(self.kernels(end) - self.kernels(start))

    def _filtered(self, kernels: Tensor) -> Tensor:
        images = len(self._padded)
        steps = kernels.shape[-3]
        # Channels are the batch of this convolution and images its groups, so that each image may have its own kernels.
        weight = (
            kernels.to(self._padded.dtype).expand(images, steps, -1, -1).reshape(images * steps, 1, *kernels.shape[-2:])
        )
        cudnn = torch.backends.cudnn
        # TF32, with which convolutions run on newer GPUs, has ten bits: too few for differences of images.
        with cudnn.flags(
            enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
        ):
            out = F.conv2d(self._padded.transpose(0, 1), weight, groups=images)
        return out.unflatten(1, (images, steps)).permute(1, 2, 0, 3, 4)


def reflected(images: Tensor, above: int, below: int, left: int, right: int) -> Tensor:
    """Return images with margins that mirror them without their outermost pixels twice; margins of any size."""
    height, width = images.shape[-2:]
    rows = torch.tensor(_reflected_places(height, above, below), device=images.device)
    columns = torch.tensor(_reflected_places(width, left, right), device=images.device)
    return images.index_select(-2, rows).index_select(-1, columns)


def _reflected_places(length: int, before: int, after: int) -> List[int]:
    period = max(1, 2 * (length - 1))
    return [min(place % period, -place % period) for place in range(-before, length + after)]
