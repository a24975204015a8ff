"""Mixed precision on whatever torch and device there is: autocast and the GradScaler, or a typed error."""

from __future__ import annotations

import contextlib
from typing import Any, ContextManager, Optional

import torch

from bsr_plugins.common.errors import OptionError

DTYPES = {'bf16': torch.bfloat16, 'fp16': torch.float16}


def autocast(amp: Optional[str], device: torch.device) -> ContextManager[Any]:
    """Return the block that the network's pass runs in; nothing where ``amp`` is None."""
    if amp is None:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[amp])


def grad_scaler(amp: Optional[str], device: torch.device) -> Optional[Any]:
    """Return a GradScaler for ``fp16``, None otherwise.

    Raises:
        OptionError: This torch has no autocast or no GradScaler for that precision on that device.
    """
    if amp is None:
        return None
    try:
        with autocast(amp, device):
            pass
        if amp != 'fp16':
            return None
        if device.type == 'cuda':
            return torch.cuda.amp.GradScaler() if not hasattr(torch.amp, 'GradScaler') else torch.amp.GradScaler('cuda')
        return torch.amp.GradScaler(device.type)
    except (AttributeError, RuntimeError, TypeError) as error:
        raise OptionError(
            f'{amp} is not trained on {device.type} by torch {torch.__version__}',
            where='train.amp',
            expected='a precision that this torch has for this device',
            found=str(error),
            remedy='amp: bf16 or amp: ~, or torch >= 2.3',
        ) from error
