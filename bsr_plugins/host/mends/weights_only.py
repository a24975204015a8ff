"""Mend: weights and states are unpickled, and a pickle can run any code."""

from __future__ import annotations

import functools
import os
import pickle
import re
import sys
from types import FrameType, ModuleType
from typing import Any, Dict, Optional

from bsr_plugins.host.mends.cpu_device import in_training_script

#: torch's own switch (>= 2.6), heeded here with every torch.
TRUST_VARIABLE = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
# BasicSR's functions that load, in forks too, where the first one stands in the script.
_STATE_LOADER = 'load_resume_state'
_LOADERS = frozenset({_STATE_LOADER, 'load_network'})
_GLOBAL = re.compile(r'GLOBAL ([\w.]+)')


def mend_weights_only(module: ModuleType) -> bool:
    """Let BasicSR's own calls of ``torch.load`` read tensors and plain values alone, and name a file that is refused.

    torch >= 2.6 does so unless told otherwise; before it, every ``.pth`` and ``.state`` is a program that runs when it
    is loaded. Calls from other modules, and calls that say ``weights_only`` themselves, are as they were; so are all
    with the environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1.

    ``basicsr/models/base_model.py``, ``basicsr/train.py``; https://docs.pytorch.org/docs/stable/generated/torch.load

    Raises (the wrapped function):
        CheckpointError: The file holds anything else, is damaged, or is a training state that lacks what one has.
    """
    import torch

    if hasattr(torch.load, 'weights_only_by_bsr_plugins'):
        return False
    upstream_load = torch.load

    @functools.wraps(upstream_load)
    def load(f: Any, *args: Any, **kwargs: Any) -> Any:
        caller = _caller()
        if not _is_basicsr_call(caller):
            return upstream_load(f, *args, **kwargs)
        from bsr_plugins.runs.checkpoint_files import UNREADABLE

        try:
            content = upstream_load(f, *args, **{**kwargs, **_restriction(upstream_load, args, kwargs)})
        except UNREADABLE as error:
            translated = _unreadable(f, error)
            if translated is None:
                raise
            raise translated from error
        if caller.f_code.co_name == _STATE_LOADER or (in_training_script(caller) and str(f).endswith('.state')):
            from bsr_plugins.runs.state_structure import check_state

            # The script reads its entries at once.
            check_state(content, f)
        return content

    load.weights_only_by_bsr_plugins = True  # type: ignore[attr-defined]
    torch.load = load
    return True


def _caller() -> FrameType:
    frame = sys._getframe(2)
    # Other mends wrap torch.load as well.
    while frame.f_back is not None and str(frame.f_globals.get('__name__')).startswith('bsr_plugins.host.mends.'):
        frame = frame.f_back
    return frame


def _is_basicsr_call(frame: FrameType) -> bool:
    return (
        str(frame.f_globals.get('__name__')).split('.')[0] == 'basicsr'
        or frame.f_code.co_name in _LOADERS
        or in_training_script(frame)
    )


def _restriction(upstream_load: Any, args: tuple, kwargs: Dict[str, Any]) -> Dict[str, Any]:
    if (
        kwargs.get('weights_only') is not None
        or len(args) > 1
        or kwargs.get('pickle_module') is not None
        or os.environ.get(TRUST_VARIABLE, '').lower() in ('1', 'y', 'yes', 'true')
    ):
        return {}
    from bsr_plugins.runs.restricted_pickle import load_options

    return load_options(upstream_load)


def _unreadable(f: Any, error: Exception) -> Optional[Exception]:
    """Return what to say of a file that is hostile, missing or damaged; None where the fault is another."""
    from bsr_plugins.common.errors import CheckpointError
    from bsr_plugins.runs.checkpoint_files import what_is_wrong

    wrong = what_is_wrong(f) if isinstance(f, (str, os.PathLike)) else None
    if wrong is None and isinstance(error, pickle.UnpicklingError):
        named = _GLOBAL.search(str(error))
        return CheckpointError(
            f'{f} holds more than tensors and plain values; loading that could run any code, so it is refused',
            where=f,
            found=named.group(1) if named else None,
            expected='a state dict or a training state, as BasicSR saves them',
            remedy=f'get the file again from its source; if you trust it, set {TRUST_VARIABLE}=1 in the environment',
        )
    if wrong is None:
        return None
    from bsr_plugins.runs.weight_layouts import is_safetensors, resaving_safetensors

    return CheckpointError(
        f'{f} cannot be read: {wrong}',
        where=f,
        expected='a .pth or .state as BasicSR saves it',
        remedy=f'{resaving_safetensors(str(f))}; then name the file that this writes'
        if is_safetensors(f)
        else 'get the file again; a run resumes from its last complete pair with --auto_resume',
    )
