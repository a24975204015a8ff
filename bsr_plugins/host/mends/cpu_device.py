"""What the mends for machines without CUDA share: whether it is absent, and an answer to "which device?"."""

from __future__ import annotations

import functools
import os
import sys
from types import FrameType
from typing import Any, Set

CPU_VARIABLE = 'BSR_PLUGINS_CPU'
_ATTRIBUTE = 'answers_for'
# Training scripts of forks that read the state in the midst of their main function, and a global that tells them.
_SCRIPT_FUNCTIONS = ('main', 'train_pipeline')
_SCRIPT_GLOBAL = 'create_train_val_dataloader'


def in_training_script(frame: FrameType) -> bool:
    """Return whether ``frame`` is that of the main function of BasicSR's training script, or a fork's."""
    return frame.f_code.co_name in _SCRIPT_FUNCTIONS and _SCRIPT_GLOBAL in frame.f_globals


def answer_current_device_in(function_name: str) -> None:
    """Let ``torch.cuda.current_device()`` return 0 where a function called ``function_name`` calls it; others raise.

    So it does in a training script's main function. The functions live in ``__main__`` in BasicSR's forks, so they are
    known by their name alone.
    """
    import torch

    current_device = torch.cuda.current_device
    names: Set[str] = getattr(current_device, _ATTRIBUTE, set())
    names.add(function_name)
    if hasattr(current_device, _ATTRIBUTE):
        return

    @functools.wraps(current_device)
    def answered(*args: Any, **kwargs: Any) -> int:
        frame = sys._getframe(1)
        if frame.f_code.co_name in names or in_training_script(frame):
            return 0
        return current_device(*args, **kwargs)

    setattr(answered, _ATTRIBUTE, names)
    torch.cuda.current_device = answered


def wants_cpu() -> bool:
    """Return whether code that insists on a GPU is to run on the CPU: asked for by CPU_VARIABLE, and no GPU is there.

    The ``basicsr`` command asks for it where the option file says ``num_gpu: 0``.
    """
    return os.environ.get(CPU_VARIABLE, '') not in ('', '0') and cuda_is_absent()


def cuda_is_absent() -> bool:
    """Return whether torch sees no GPU; imports torch."""
    import torch

    return not torch.cuda.is_available()
