"""Mend: ``basicsr.losses.losses``, which BasicSR 1.4 split into ``basic_loss`` and ``gan_loss``."""

from __future__ import annotations

import importlib
from types import ModuleType


def provide_losses_module(module: ModuleType) -> bool:
    """Fill the missing module with the names of those that it was split into.

    SwinFIR imports ``_reduction_modes`` from it, others their losses.

    Raises:
        ModuleNotFoundError: The basicsr that runs has neither.
    """
    for name in ('gan_loss', 'basic_loss'):
        held = vars(importlib.import_module(f'basicsr.losses.{name}'))
        vars(module).update((key, value) for key, value in held.items() if not key.startswith('__'))
    return True
