"""Mend, on request: ``.cuda()`` on a machine without CUDA leaves a tensor or a network where it is."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bsr_plugins.host.mends.cpu_device import wants_cpu


def mend_cuda_calls(module: ModuleType) -> bool:
    """Let ``Tensor.cuda()`` and ``Module.cuda()`` return the object where CUDA is absent and the CPU is asked for.

    RealESRNet builds ``DiffJPEG().cuda()`` whatever ``num_gpu`` says (``realesrgan/models/realesrnet_model.py``), and
    the SSIM of releases before 1.3 moves its images (``basicsr/metrics/psnr_ssim.py``). Without a request
    (:func:`bsr_plugins.host.mends.cpu_device.wants_cpu`) they go on raising: a run that was to use a GPU must not crawl
    along in silence.
    """
    if not wants_cpu():
        return False
    import torch

    if hasattr(torch.Tensor.cuda, 'patched_by_bsr_plugins'):
        return False
    torch.Tensor.cuda = torch.nn.Module.cuda = _returned_unmoved  # type: ignore[method-assign]  # the mend itself
    return True


def _returned_unmoved(self: Any, *args: Any, **kwargs: Any) -> Any:
    return self


_returned_unmoved.patched_by_bsr_plugins = True  # type: ignore[attr-defined]
