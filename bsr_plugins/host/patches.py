"""What a patch of BasicSR is, how all are put in place, and which of them this process needed or has switched off."""

from __future__ import annotations

import os
import sys
import warnings
from types import ModuleType
from typing import Any, Callable, Dict, Iterable, List, NamedTuple

from bsr_plugins.common.errors import MissingModuleError
from bsr_plugins.common.processes import is_first_process
from bsr_plugins.host import switches
from bsr_plugins.host.first_log_line import log_with_first_line
from bsr_plugins.host.import_hooks import post_import, provide_missing

AFTER_IMPORT = 'after import'
WHEN_MISSING = 'when missing'


class Patch(NamedTuple):
    """One change to BasicSR, or to what it stands on: a defect mended or a feature added.

    A change that takes two modules is two patches of one name.

    Attributes:
        name: What messages call it, and what BSR_PLUGINS_MENDS switches off.
        module: The module that is changed, or that is missing.
        apply: ``apply(module) -> bool``: whether there was something to change and it is changed now. Given the module
            right after it was imported or, where ``when`` is ``'when missing'``, an empty one to fill.
        reason: What goes wrong without it, in one sentence.
        link: The thread upstream, or the file that is changed.
        when: ``'after import'`` or ``'when missing'``.
    """

    name: str
    module: str
    apply: Callable[[ModuleType], bool]
    reason: str
    link: str
    when: str = AFTER_IMPORT


# A reload of this module keeps what was recorded: the changed modules stay changed.
_ACTIVE: Dict[str, Patch] = globals().get('_ACTIVE', {})
_SWITCHED_OFF: Dict[str, Patch] = globals().get('_SWITCHED_OFF', {})


def install(*kinds: Iterable[Patch]) -> None:
    """Put every patch in place that is not switched off by BSR_PLUGINS_MENDS; imports nothing of BasicSR, idempotent.

    What is switched off is one line in the log of a run. A name there that no patch has is a warning, on the first
    process of a distributed run alone.
    """
    patches = [patch for kind in kinds for patch in kind]
    asked = os.environ.get(switches.VARIABLE, '')
    found = switches.read(asked, [patch.name for patch in patches])
    for patch in patches:
        if patch.name in found.off:
            _leave_out(patch)
        else:
            put_in_place(patch)
    if found.off:
        log_with_first_line(switches.describe(found.off))
    if found.unknown and is_first_process() and not _is_spawned():
        warnings.warn(switches.complaint(found.unknown, [patch.name for patch in patches]), stacklevel=2)


def put_in_place(patch: Patch) -> None:
    """Arrange that ``patch`` is applied when its module is imported, or served when that is missing; idempotent."""

    def apply(module: ModuleType) -> None:
        if patch.apply(module):
            _ACTIVE[patch.name] = patch

    if patch.when == WHEN_MISSING:
        provide_missing(patch.module, apply)
    else:
        post_import(patch.module, apply, label=f"the patch '{patch.name}' ({patch.link})")


def _leave_out(patch: Patch) -> None:
    def refuse(module: ModuleType) -> None:
        error = MissingModuleError(
            f"There is no module {module.__name__}, and the mend '{patch.name}' that provides it is switched off",
            where=f'the environment variable {switches.VARIABLE}',
            found=os.environ.get(switches.VARIABLE),
            remedy=f"list there only what is to be off, without '{patch.name}', or unset it: {patch.reason}",
        )
        error.name = module.__name__
        raise error

    _SWITCHED_OFF[patch.name] = patch
    if patch.when == WHEN_MISSING:
        provide_missing(patch.module, refuse)


def _is_spawned() -> bool:
    # Data-loading workers import the pack anew; once is enough.
    process = sys.modules.get('multiprocessing.process')
    return process is not None and process.parent_process() is not None


def active_patches() -> List[Patch]:
    """Return the patches that found something to change in this process, in the order in which that happened."""
    return list(_ACTIVE.values())


def is_switched_off(name: str) -> bool:
    """Return whether the patch ``name`` was left out of this process on request."""
    return name in _SWITCHED_OFF


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
