"""Mend: a validation that reduces its metrics over processes, in a run of one process without a process group."""

from __future__ import annotations

import contextlib
import functools
from types import ModuleType
from typing import Any, Iterator

from bsr_plugins.host.patches import names_used


def mend_single_process_validation(module: ModuleType) -> bool:
    """Wrap ``nondist_validation`` where it hands on to ``dist_validation``: over one process a reduction does nothing.

    NAFNet's calls ``torch.distributed.reduce`` unconditionally: ``Default process group has not been initialized``,
    after the first thousand iterations of a run that was not started by a launcher.
    ``basicsr/models/image_restoration_model.py``; https://github.com/megvii-research/NAFNet/issues/63.
    """
    mended = False
    for model in [value for value in vars(module).values() if isinstance(value, type)]:
        alone, distributed = vars(model).get('nondist_validation'), vars(model).get('dist_validation')
        if alone is None or distributed is None or hasattr(alone, '__wrapped__'):
            continue
        if 'dist_validation' in names_used(alone) and 'reduce' in names_used(distributed):
            model.nondist_validation = _with_reduction_off(alone)  # type: ignore[attr-defined]  # a name of upstream
            mended = True
    return mended


def _with_reduction_off(validate: Any) -> Any:
    @functools.wraps(validate)
    def nondist_validation(*args: Any, **kwargs: Any) -> Any:
        with _reduction_off():
            return validate(*args, **kwargs)

    return nondist_validation


@contextlib.contextmanager
def _reduction_off() -> Iterator[None]:
    import torch.distributed

    if torch.distributed.is_initialized():
        yield
        return
    original = torch.distributed.reduce
    torch.distributed.reduce = lambda *args, **kwargs: None
    try:
        yield
    finally:
        torch.distributed.reduce = original
