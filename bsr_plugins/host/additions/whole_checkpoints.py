"""Addition: what BasicSR's own save writes is whole, or the run stops."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any, Callable

from bsr_plugins.host.patches import names_used

METHODS = ('save_network', 'save_training_state')


def save_whole_checkpoints(module: ModuleType) -> bool:
    """Wrap ``BaseModel.save_network`` and ``save_training_state``: what they write is whole, or the run stops.

    Upstream writes over the old file, catches every error three times and then warns "Just ignore it"; a run killed
    while it writes leaves half a file that --auto_resume picks up. While one of the two methods runs, ``torch.save``
    writes aside, flushes and moves into place; its failure is not one that the method catches, and leaves it as a
    CheckpointError. What the methods save, and under which name, stays theirs, in forks too.

    No thread upstream; the code is ``basicsr/models/base_model.py``.
    """
    base = getattr(module, 'BaseModel', None)
    patched = False
    for name in METHODS:
        method = vars(base).get(name) if base is not None else None
        if method is None or hasattr(method, 'patched_by_bsr_plugins') or 'save' not in names_used(method):
            continue
        setattr(base, name, _with_whole_saver(method))
        patched = True
    return patched


class _NotSaved(BaseException):
    """Carries a CheckpointError past upstream's ``except Exception``."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def _with_whole_saver(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def patched(*args: Any, **kwargs: Any) -> Any:
        import torch

        upstream_save = torch.save
        torch.save = _whole_saver(upstream_save)
        try:
            return method(*args, **kwargs)
        except _NotSaved as not_saved:
            raise not_saved.error from not_saved.error.__cause__
        finally:
            torch.save = upstream_save

    patched.patched_by_bsr_plugins = True  # type: ignore[attr-defined]
    return patched


def _whole_saver(upstream_save: Callable[..., Any]) -> Callable[..., Any]:
    from bsr_plugins.common.errors import CheckpointError
    from bsr_plugins.runs.checkpoint_files import save_whole

    @functools.wraps(upstream_save)
    def save(content: Any, f: Any, *args: Any, **kwargs: Any) -> None:
        if hasattr(f, 'write'):
            upstream_save(content, f, *args, **kwargs)
            return
        try:
            save_whole(content, f, lambda what, file: upstream_save(what, file, *args, **kwargs))
        except CheckpointError as error:
            raise _NotSaved(error) from error

    return save
