"""BasicSR's two prefetchers, whose ``next`` every training script calls at the end of an iteration."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Callable

Next = Callable[[Any], Any]


def wrap_next(module: ModuleType, wrap: Callable[[Next], Next], mark: str) -> bool:
    """Replace ``next`` of both by ``wrap(next)``, but where it has the attribute ``mark``; return whether one was."""
    patched = False
    for name in ('CPUPrefetcher', 'CUDAPrefetcher'):
        prefetcher: Any = getattr(module, name, None)
        upstream_next = getattr(prefetcher, 'next', None)
        if upstream_next is not None and not hasattr(upstream_next, mark):
            prefetcher.next = wrap(upstream_next)
            setattr(prefetcher.next, mark, True)
            patched = True
    return patched
