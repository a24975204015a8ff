"""Bicubic upscaling by matrices: BasicSR's values, for every scale, size and batch."""

from __future__ import annotations

import pytest
import torch

from bsr_plugins.data.images import bicubic_upscaling
from bsr_plugins.data.images.bicubic_upscaling import upscale_bicubic


@pytest.mark.parametrize('scale', [2, 3, 4])
@pytest.mark.parametrize('size', [(21, 34), (8, 5), (70, 97)])
def test_equals_basicsr_imresize(scale: int, size: tuple) -> None:
    from basicsr.utils.matlab_functions import imresize

    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    found = upscale_bicubic(image[None], scale)[0]
    assert found.shape == (3, size[0] * scale, size[1] * scale)
    # BasicSR's weights are float32, and at x3 drift with the position.
    assert (found - imresize(image, scale)).abs().max() < (1e-6 if scale != 3 else 2e-5)


@pytest.mark.parametrize('scale', [1, 2, 3, 4])
def test_a_constant_stays_and_scale_one_is_the_identity(scale: int) -> None:
    assert (upscale_bicubic(torch.full((1, 1, 6, 7), 0.3), scale) - 0.3).abs().max() < 1e-6
    image = torch.rand(1, 3, 5, 6)
    assert torch.equal(upscale_bicubic(image, 1), image.double())


def test_batch_and_channels_do_not_matter() -> None:
    images = torch.rand(5, 3, 9, 12)
    batched = upscale_bicubic(images, 4)
    assert batched.dtype == torch.float64
    for index in range(5):
        assert torch.equal(upscale_bicubic(images[index : index + 1, 1:2], 4)[0, 0], batched[index, 1])
    channels_last = upscale_bicubic(images.contiguous(memory_format=torch.channels_last), 4)
    assert torch.equal(channels_last, batched)


def test_mirrored_images_give_mirrored_results() -> None:
    image = torch.rand(1, 1, 7, 10)
    found = upscale_bicubic(image.flip(-1), 4).flip(-1)
    assert (found - upscale_bicubic(image, 4)).abs().max() < 1e-12


@pytest.mark.parametrize('scale', [2, 4])
def test_blocks_are_the_whole_matrix_bit_for_bit(scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.randint(0, 256, (2, 3, 33, 29), generator=torch.Generator().manual_seed(0)).float() / 255
    whole = upscale_bicubic(images, scale)
    monkeypatch.setattr(bicubic_upscaling, '_BLOCK', 4)
    assert torch.equal(upscale_bicubic(images, scale), whole)
    # No sum is rounded: that of the exact numbers is the same.
    numerators = (images.double() * 2**31).to(torch.int64)
    weights = (bicubic_upscaling._whole_matrix(29, scale, 'cpu') * 2**10).to(torch.int64)
    exact = numerators[1, 2, 9] @ weights.t()
    assert torch.equal((images[1, 2, 9].double() @ weights.double().t()) * 2**31, exact.double())
    assert torch.equal(weights.double(), bicubic_upscaling._whole_matrix(29, scale, 'cpu') * 2**10)


def test_matrices_made_without_gradients_serve_those_with_them() -> None:
    bicubic_upscaling._whole_matrix.cache_clear()
    bicubic_upscaling._block_matrix.cache_clear()
    images = torch.rand(1, 1, 5, 66, dtype=torch.float64)
    with torch.inference_mode():
        upscale_bicubic(images, 2)
    images.requires_grad_()
    upscale_bicubic(images, 2).sum().backward()
    assert images.grad.sum() == pytest.approx(4 * 5 * 66)
