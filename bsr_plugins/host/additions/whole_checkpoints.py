"""Addition: what BasicSR's own save writes is whole, or the run stops."""

from __future__ import annotations

import contextlib
import functools
from types import ModuleType
from typing import Any, Callable, Iterator, Mapping, Optional

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
        setattr(base, name, _with_whole_files(method))
        patched = True
    return patched


class _NotSaved(BaseException):
    """Carries a CheckpointError past upstream's ``except Exception``."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@contextlib.contextmanager
def saving_whole(more: Optional[Mapping[str, Any]] = None) -> Iterator[None]:
    """Let ``torch.save`` write whole files inside the block, and add ``more`` to the training states among them.

    The one place where the pack stands in for ``torch.save``. It has to for methods that are not the pack's:
    upstream's, which swallow the errors of their writing, and those of forks whose states hold what they alone know
    (the best metric in Retinexformer's). Where a model of the pack writes a file itself, it does not come here.

    Args:
        more: Keys beside BasicSR's; a dict with ``optimizers`` is a training state.

    Raises:
        CheckpointError: A file cannot be written.
    """
    import torch

    replaced = torch.save
    torch.save = _whole_saver(replaced, more or {})
    try:
        yield
    except _NotSaved as not_saved:
        raise not_saved.error from not_saved.error.__cause__
    finally:
        torch.save = replaced


def _with_whole_files(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def patched(*args: Any, **kwargs: Any) -> Any:
        from bsr_plugins.host.additions.new_options_hold import record_of

        with saving_whole(record_of(args[0]) if method.__name__ == 'save_training_state' else None):
            return method(*args, **kwargs)

    patched.patched_by_bsr_plugins = True  # type: ignore[attr-defined]
    return patched


def _whole_saver(replaced: Callable[..., Any], more: Mapping[str, Any]) -> Callable[..., Any]:
    from bsr_plugins.common.errors import CheckpointError
    from bsr_plugins.runs.checkpoint_files import save_whole

    @functools.wraps(replaced)
    def save(content: Any, f: Any, *args: Any, **kwargs: Any) -> None:
        if isinstance(content, dict) and 'optimizers' in content:
            content = {**content, **more}
        if hasattr(f, 'write'):
            replaced(content, f, *args, **kwargs)
            return
        try:
            save_whole(content, f, lambda what, file: replaced(what, file, *args, **kwargs))
        except CheckpointError as error:
            raise _NotSaved(error) from error

    return save
