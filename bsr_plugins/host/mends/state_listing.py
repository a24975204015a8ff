"""Mend: a fork that resumes by itself stops at any other file beside its training states."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, List

from bsr_plugins.host.mends.cpu_device import in_training_script

_STATE = re.compile(r'(\d+)\.state')
FOLDER = 'training_states'


def mend_state_listing(module: ModuleType) -> bool:
    """Let a training script that lists ``training_states`` see ``N.state`` files alone, up to the newest whole one.

    Scripts of releases before 1.3 take ``int(name[:-6])`` of every file there: what a run that was killed while saving
    has left behind stops the next with a ValueError, and a state cut short is loaded. The listing stands in the midst
    of the script's main function, so ``os.listdir`` is wrapped, and calls from there alone see a difference.
    ``basicsr/train.py`` of Restormer, MIRNetv2, NAFNet and Retinexformer.
    """
    if hasattr(os.listdir, 'patched_by_bsr_plugins') or importlib.util.find_spec('basicsr.utils.registry') is not None:
        return False
    original = os.listdir

    @functools.wraps(original)
    def listdir(*args: Any, **kwargs: Any) -> List[Any]:
        names = original(*args, **kwargs)
        if not (args and isinstance(args[0], str) and in_training_script(sys._getframe(1))):
            return names
        folder = Path(args[0])
        return _whole_states(folder, names) if folder.name == FOLDER else names

    listdir.patched_by_bsr_plugins = True  # type: ignore[attr-defined]
    os.listdir = listdir
    return True


def _whole_states(folder: Path, names: List[str]) -> List[str]:
    from bsr_plugins.runs.checkpoint_files import what_is_wrong

    states = sorted((name for name in names if _STATE.fullmatch(name)), key=lambda name: int(name[: -len('.state')]))
    while states:
        wrong = what_is_wrong(folder / states[-1])
        if wrong is None:
            break
        _warn(f'The training state {folder / states[-1]} is skipped: {wrong}.')
        states.pop()
    return states


def _warn(message: str) -> None:
    import logging

    logging.getLogger('basicsr').warning(message)
