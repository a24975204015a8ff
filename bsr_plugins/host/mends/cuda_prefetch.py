"""Mend: ``prefetch_mode: cuda``, whose next batch was copied into memory that the training still read."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any


def mend_cuda_prefetch(module: ModuleType) -> bool:
    """Wrap ``CUDAPrefetcher.next``: the tensors of a batch are noted as used by the stream that trains on them.

    They are allocated and filled on a stream of the prefetcher's own. When the training lets go of a batch, torch gives
    its memory to the next copy on that stream at once, which does not wait for the training's. Upstream's losses are
    read at each iteration, which hides it most of the time; a step that does not wait would train on half of another
    batch. apex, from which the class was taken, calls ``record_stream`` for the same reason.
    ``basicsr/data/prefetch_dataloader.py``.
    """
    prefetcher: Any = getattr(module, 'CUDAPrefetcher', None)
    upstream_next = getattr(prefetcher, 'next', None)
    if upstream_next is None or hasattr(upstream_next, 'notes_its_stream'):
        return False

    @functools.wraps(upstream_next)
    def next_batch(self: Any) -> Any:
        batch = upstream_next(self)
        for value in (batch or {}).values():
            if getattr(value, 'is_cuda', False):
                value.record_stream(module.torch.cuda.current_stream())
        return batch

    next_batch.notes_its_stream = True  # type: ignore[attr-defined]
    prefetcher.next = next_batch
    return True
