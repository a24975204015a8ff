"""Mend: resuming a run without a CUDA device, and on one without keeping the whole state there."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

from bsr_plugins.host.mends.cpu_device import answer_current_device_in, cuda_is_absent, in_training_script

FUNCTION = 'load_resume_state'


def mend_resume_on_cpu(module: ModuleType) -> bool:
    """Let ``load_resume_state`` read a training state into the memory of the CPU, whether there is a GPU or not.

    It asks for the current CUDA device and maps every storage to it. Without a GPU that fails. With one, Adam's step
    counts stay on the device, where torch reads them by one wait for each parameter and each update (3,260 for RCAN,
    unless the optimizer is fused), and the script keeps a second copy of all moments there until it ends. Models move
    what they take to where they need it.

    The function stands in the training script itself, ``__main__`` in a fork, or its code in the midst of that script's
    main function (releases before 1.3, CodeFormer). So two functions of torch are wrapped, and only calls that come
    from there see a difference: without CUDA ``torch.cuda.current_device()`` answers 0 and a ``map_location`` that
    fails for want of it leaves the storage on the CPU, one that works is left alone; with CUDA a ``map_location`` that
    is a function is the CPU.

    ``basicsr/train.py``, ``load_resume_state``; https://github.com/XPixelGroup/BasicSR/issues/679 asks how to resume.
    """
    import torch

    if hasattr(torch.load, 'patched_by_bsr_plugins'):
        return False
    if cuda_is_absent():
        answer_current_device_in(FUNCTION)
    upstream_load = torch.load

    @functools.wraps(upstream_load)
    def load(*args: Any, **kwargs: Any) -> Any:
        frame = sys._getframe(1)
        if frame.f_code.co_name == FUNCTION or in_training_script(frame):
            if len(args) > 1 and callable(args[1]):
                args = (args[0], _or_cpu(args[1]), *args[2:])
            elif callable(kwargs.get('map_location')):
                kwargs['map_location'] = _or_cpu(kwargs['map_location'])
        return upstream_load(*args, **kwargs)

    load.patched_by_bsr_plugins = True  # type: ignore[attr-defined]
    torch.load = load
    return True


def _or_cpu(map_location: Any) -> Any:
    if not cuda_is_absent():
        return 'cpu'

    def location(storage: Any, place: str) -> Any:
        try:
            return map_location(storage, place)
        # RuntimeError: a CUDA build without a driver; AssertionError: a build without CUDA.
        except (RuntimeError, AssertionError):
            return storage

    return location
