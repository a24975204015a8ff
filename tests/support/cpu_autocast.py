"""What the installed torch lacks of mixed precision on the CPU: PReLU under bf16 before 2.1, fp16 before 2.3."""

from __future__ import annotations

import warnings

import pytest
import torch

needs_cpu_fp16 = pytest.mark.skipif(not hasattr(torch.amp, 'GradScaler'), reason='this torch has no fp16 on the CPU')


def skip_without_autocast(dtype: torch.dtype) -> None:
    """Skip the test where this torch cannot run a convolution and a PReLU under CPU autocast to ``dtype``."""
    layers = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.PReLU())
    try:
        with warnings.catch_warnings(), torch.autocast('cpu', dtype=dtype):
            warnings.simplefilter('ignore')
            layers(torch.ones(1, 1, 2, 2))
    except RuntimeError as error:
        pytest.skip(f'this torch cannot autocast to {dtype} on the CPU: {error}')
