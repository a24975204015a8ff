"""Bicubic down: BasicSR's MATLAB values for every size and batch; torch's agrees inside; and both up again."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bsr_plugins.common.errors import DependencyError
from bsr_plugins.data.images.bicubic_downscaling import downscale_bicubic
from bsr_plugins.data.images.bicubic_resampling import BICUBIC, downsample_bicubic, upsample_bicubic


@pytest.mark.parametrize('scale', [2, 3, 4])
@pytest.mark.parametrize('size', [(7, 11), (5, 4)])
def test_matlab_downscaling_is_imresize(scale: int, size: tuple) -> None:
    from basicsr.utils.matlab_functions import imresize

    image = torch.rand(3, size[0] * scale, size[1] * scale, generator=torch.Generator().manual_seed(0))
    found = downscale_bicubic(image[None], scale)
    assert found.shape == (1, 3, *size) and found.dtype == torch.float64
    assert (found[0] - imresize(image, 1 / scale)).abs().max() < (1e-6 if scale != 3 else 2e-5)


@pytest.mark.parametrize('kernel', BICUBIC.kind.words)
@pytest.mark.parametrize('scale', [1, 2, 3, 4])
def test_a_constant_stays(kernel: str, scale: int) -> None:
    image = torch.full((2, 3, 6 * scale, 5 * scale), 0.3)
    small = downsample_bicubic(image, scale, kernel)
    assert small.shape == (2, 3, 6, 5) and small.dtype == image.dtype
    assert (small - 0.3).abs().max() < 1e-6
    assert (upsample_bicubic(small, scale, kernel) - image).abs().max() < 1e-6


@pytest.mark.parametrize('kernel', BICUBIC.kind.words)
def test_scale_one_is_the_identity(kernel: str) -> None:
    image = torch.rand(2, 3, 6, 5)
    assert torch.equal(downsample_bicubic(image, 1, kernel), image)
    assert torch.equal(upsample_bicubic(image, 1, kernel), image)


@pytest.mark.parametrize('scale', [2, 4])
def test_the_kernels_agree_inside_and_differ_at_the_border(scale: int) -> None:
    image = torch.rand(1, 1, 12 * scale, 12 * scale, generator=torch.Generator().manual_seed(1))
    difference = (downsample_bicubic(image, scale, 'torch') - downsample_bicubic(image, scale, 'matlab')).abs()[0, 0]
    assert difference[2:-2, 2:-2].max() < 1e-5
    assert difference.max() > 1e-3


def test_images_of_a_batch_do_not_mix() -> None:
    images = torch.rand(3, 2, 12, 8)
    batched = downscale_bicubic(images, 4)
    for index in range(3):
        assert torch.equal(downscale_bicubic(images[index : index + 1, 1:], 4)[0, 0], batched[index, 1])


@pytest.mark.parametrize('kernel', BICUBIC.kind.words)
def test_differentiable(kernel: str) -> None:
    image = torch.rand(1, 1, 6, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: downsample_bicubic(x, 2, kernel), [image])


def test_an_old_torch_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def interpolate(x: Any, size: Any = None, mode: str = '', align_corners: bool = False) -> Any:
        return x

    monkeypatch.setattr(torch.nn.functional, 'interpolate', interpolate)
    with pytest.raises(DependencyError, match='(?s)torch >= 1.11.*bicubic: matlab'):
        downsample_bicubic(torch.rand(1, 1, 4, 4), 2)
