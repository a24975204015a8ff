"""What a mend is, how it is put in place, and which of them this process needed."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any, Callable, Dict, List, NamedTuple

from bsr_plugins.host.import_hooks import post_import, provide_missing

AFTER_IMPORT = 'after import'
WHEN_MISSING = 'when missing'
CPU_VARIABLE = 'BSR_PLUGINS_CPU'


class Mend(NamedTuple):
    """One defect of BasicSR, or of what it stands on, and its repair.

    Attributes:
        name: What messages call it.
        module: The module that has the defect, or that is missing.
        apply: ``apply(module) -> bool``: whether the defect was present and is mended now. Given the module right after
            it was imported or, where ``when`` is ``'when missing'``, an empty one to fill.
        reason: What goes wrong without it, in one sentence.
        link: The thread upstream, or the file with the defect.
        when: ``'after import'`` or ``'when missing'``.
    """

    name: str
    module: str
    apply: Callable[[ModuleType], bool]
    reason: str
    link: str
    when: str = AFTER_IMPORT


# A reload of this module keeps what was recorded: the mended modules stay mended.
_ACTIVE: Dict[str, Mend] = globals().get('_ACTIVE', {})


def put_in_place(mend: Mend) -> None:
    """Arrange that ``mend`` is applied when its module is imported, or served when that is missing; idempotent."""

    def apply(module: ModuleType) -> None:
        if mend.apply(module):
            _ACTIVE[mend.name] = mend

    if mend.when == WHEN_MISSING:
        provide_missing(mend.module, apply)
    else:
        post_import(mend.module, apply, label=f"the mend '{mend.name}' ({mend.link})")


def active_mends() -> List[Mend]:
    """Return the mends whose defect was met and mended in this process, in the order in which that happened."""
    return list(_ACTIVE.values())


def names_used(function: Callable[..., Any]) -> List[str]:
    """Return the global names and attributes that a Python function's own code refers to, wrappers looked through."""
    import inspect

    return list(inspect.unwrap(function).__code__.co_names)


def texts_used(function: Callable[..., Any]) -> List[str]:
    """Return the text constants in a Python function's own code, wrappers looked through."""
    import inspect

    return [value for value in inspect.unwrap(function).__code__.co_consts if isinstance(value, str)]


def replace_function(module: ModuleType, name: str, replacement: Callable[..., Any]) -> None:
    """Put ``replacement`` in the place of ``module.name``, and of the copies that imported modules took by name."""
    original = getattr(module, name)
    setattr(module, name, replacement)
    for other in list(sys.modules.values()):
        if getattr(other, '__dict__', {}).get(name) is original:
            setattr(other, name, replacement)


def wants_cpu() -> bool:
    """Return whether code that insists on a GPU is to run on the CPU: asked for by CPU_VARIABLE, and no GPU is there.

    The ``basicsr`` command asks for it where the option file says ``num_gpu: 0``.
    """
    return os.environ.get(CPU_VARIABLE, '') not in ('', '0') and cuda_is_absent()


def cuda_is_absent() -> bool:
    """Return whether torch sees no GPU; imports torch."""
    import torch

    return not torch.cuda.is_available()
