"""filter2D on memory that is not contiguous."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from bsr_plugins.host.mends.filter2d import mend_filter2d


@pytest.fixture
def images() -> Any:
    torch = pytest.importorskip('torch')
    return torch.rand(2, 9, 8, 3, generator=torch.Generator().manual_seed(0)).permute(0, 3, 1, 2)


@pytest.mark.parametrize('kernels', [1, 2])
def test_upstream_fails_and_the_mend_agrees_with_contiguous_memory(images: Any, kernels: int) -> None:
    import torch

    filter2d = pytest.importorskip('basicsr.utils.img_process_util').filter2D
    kernel = torch.rand(kernels, 3, 3, generator=torch.Generator().manual_seed(1))
    upstream = inspect.unwrap(filter2d)
    with pytest.raises(RuntimeError):
        upstream(images, kernel)
    assert torch.equal(filter2d(images, kernel), upstream(images.contiguous(), kernel))


def test_the_sharpening_module_uses_the_mended_one(images: Any) -> None:
    module = pytest.importorskip('basicsr.utils.img_process_util')
    assert module.USMSharp(radius=3)(images).shape == images.shape


def test_a_repaired_function_is_left_alone() -> None:
    def filter2d(img: Any, kernel: Any) -> Any:
        return img.reshape(-1)

    module = SimpleNamespace(filter2D=filter2d)
    assert mend_filter2d(module) is False and module.filter2D is filter2d
    assert mend_filter2d(SimpleNamespace()) is False
