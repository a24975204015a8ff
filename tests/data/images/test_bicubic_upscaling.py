"""Bicubic upscaling by phases: BasicSR's values, for every scale, size and batch."""

from __future__ import annotations

import pytest
import torch

from bsr_plugins.data.images.bicubic_upscaling import upscale_bicubic


@pytest.mark.parametrize('scale', [2, 3, 4])
@pytest.mark.parametrize('size', [(21, 34), (8, 5)])
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
