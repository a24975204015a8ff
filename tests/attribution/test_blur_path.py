"""The kernels and the path of LAM: golden values, borders, constants, gradients."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from bsr_plugins.attribution.blur_path import BlurPath, gaussian_kernels, reflected
from bsr_plugins.common.errors import DataError, OptionError
from published_lam import gaussian_kernel


def image(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def test_kernel_is_the_published_one() -> None:
    sigmas = torch.tensor([[1.2, 0.6], [0.024, 0.0]], dtype=torch.float64)
    kernels = gaussian_kernels(sigmas, 9)
    assert kernels.shape == (2, 2, 9, 9)
    for sigma, kernel in zip(sigmas.flatten().tolist(), kernels.flatten(0, 1)):
        np.testing.assert_allclose(kernel.numpy(), gaussian_kernel(9, sigma), rtol=1e-12, atol=1e-300)
    assert kernels[0, 0, 4, 4].item() == pytest.approx(0.1105480, abs=5e-8)
    impulse = torch.zeros(9, 9, dtype=torch.float64)
    impulse[4, 4] = 1
    assert torch.equal(kernels[1, 1], impulse)


@pytest.mark.parametrize('size', [0, 2, 8, -1])
def test_kernels_without_a_middle_are_refused(size: int) -> None:
    with pytest.raises(OptionError, match='kernel'):
        gaussian_kernels(torch.ones(1), size)


def test_images_and_differences_are_those_of_opencv() -> None:
    lq = image(2, 3, 12, 10)
    path = BlurPath(lq, 1.2, 9)
    points = torch.tensor([0.0, 0.3, 0.95])
    images, steps = path.images(points), path.differences(points, points + 0.05)
    assert images.shape == steps.shape == (2, 3, 3, 12, 10)
    for n in range(2):
        numpy = np.moveaxis(lq[n].numpy(), 0, 2)
        for s, point in enumerate(points.tolist()):
            here, there = (gaussian_kernel(9, 1.2 * (1 - a)) for a in (point, point + 0.05))
            np.testing.assert_allclose(
                np.moveaxis(images[n, s].numpy(), 0, 2), cv2.filter2D(numpy, -1, here), atol=1e-6
            )
            np.testing.assert_allclose(
                np.moveaxis(steps[n, s].numpy(), 0, 2), cv2.filter2D(numpy, -1, there - here), atol=1e-6
            )


def test_each_image_may_have_its_own_points() -> None:
    lq = image(2, 3, 8, 7)
    points = torch.tensor([[0.1, 0.4], [0.7, 1.0]])
    own = BlurPath(lq, 1.2, 5).images(points)
    for n in range(2):
        assert torch.allclose(own[n], BlurPath(lq[n : n + 1], 1.2, 5).images(points[n])[0], atol=1e-7)


def test_the_path_ends_at_the_image_and_its_differences_add_up() -> None:
    lq = image(1, 3, 9, 11, dtype=torch.float64)
    path = BlurPath(lq, 1.2, 9)
    ends = torch.arange(21) / 20
    assert torch.allclose(path.images(ends[-1:])[:, 0], lq, atol=1e-15)
    total = path.differences(ends[:-1], ends[1:]).sum(1)
    assert torch.allclose(total, lq - path.images(ends[:1])[:, 0], atol=1e-14)


@pytest.mark.parametrize('value', [0.0, 0.3, 1.0])
def test_constant_images_stay_exactly_constant(value: float) -> None:
    lq = torch.full((1, 3, 6, 6), value)
    path = BlurPath(lq, 1.2, 9)
    points = torch.tensor([0.0, 0.5])
    assert (path.images(points) == value).all()
    assert not path.differences(points, points + 0.5).any()


def test_without_blur_the_path_stands_still() -> None:
    lq = image(1, 1, 5, 5)
    path = BlurPath(lq, 0.0, 3)
    assert torch.equal(path.images(torch.zeros(1))[:, 0], lq)
    assert not path.differences(torch.zeros(1), torch.ones(1)).any()


@pytest.mark.parametrize('sides', [(1, 1), (1, 4), (2, 3), (5, 4)])
def test_borders_mirror_as_numpy_does_at_any_size(sides: tuple) -> None:
    lq = image(1, 1, *sides)
    expected = np.pad(lq[0, 0].numpy(), ((4, 3), (2, 9)), mode='reflect')
    np.testing.assert_array_equal(reflected(lq, 4, 3, 2, 9)[0, 0].numpy(), expected)


def test_path_is_differentiable_in_the_image() -> None:
    def both(lq: Tensor) -> Tensor:
        path = BlurPath(lq, 1.2, 5)
        return torch.cat([path.images(torch.tensor([0.2])), path.differences(torch.tensor([0.2]), torch.ones(1))])

    first, second = image(2, 1, 2, 4, 5, dtype=torch.float64).requires_grad_(True)
    weights = image(2, 1, 2, 4, 5, dtype=torch.float64)
    # The path is linear in the image, so its gradient is the adjoint.
    (gradient,) = torch.autograd.grad((both(first)[:, 0] * weights).sum(), first)
    assert torch.allclose((gradient * second).sum(), (both(second)[:, 0] * weights).sum(), atol=1e-12)


@pytest.mark.parametrize('sigma', [-1.0, float('nan')])
def test_negative_blur_is_refused(sigma: float) -> None:
    with pytest.raises(OptionError, match='sigma'):
        BlurPath(image(1, 1, 3, 3), sigma, 3)


def test_an_image_without_a_pixel_is_refused() -> None:
    with pytest.raises(DataError, match='without a pixel'):
        BlurPath(torch.zeros(1, 3, 0, 4), 1.2, 9)
