"""``torch.cuda.current_device()`` answers 0 without CUDA, in those functions of BasicSR that ask for it."""
from __future__ import annotations

import functools
import sys
from typing import Any, Set

_ATTRIBUTE = 'answers_for'


def answer_current_device_in(function_name: str) -> None:
    """Let ``torch.cuda.current_device()`` return 0 where a function called ``function_name`` calls it; others raise.

    The functions live in ``__main__`` in BasicSR's forks, so they are known by their name alone.
    """
    import torch
    current_device = torch.cuda.current_device
    names: Set[str] = getattr(current_device, _ATTRIBUTE, set())
    names.add(function_name)
    if hasattr(current_device, _ATTRIBUTE):
        return

    @functools.wraps(current_device)
    def answered(*args: Any, **kwargs: Any) -> int:
        if sys._getframe(1).f_code.co_name in names:
            return 0
        return current_device(*args, **kwargs)

    setattr(answered, _ATTRIBUTE, names)
    torch.cuda.current_device = answered
