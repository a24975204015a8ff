"""Mend: ``prefetch_mode: cpu``, whose threads raced for one iterator or died in silence while the training waited."""

from __future__ import annotations

import queue
from types import ModuleType
from typing import Any, Iterator

_POLL_SECONDS = 0.05


class _Failure:
    """What went wrong in the prefetching thread, on its way to the training."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def mend_prefetch_race(module: ModuleType) -> bool:
    """Patch ``PrefetchGenerator`` and ``PrefetchDataLoader`` in place: one thread at a time, and its errors are raised.

    ``CPUPrefetcher`` opens an iterator when it is made and another at every ``reset()``. With ``persistent_workers``
    both are one and the same torch iterator, read by two threads: one crashes, and the training waits forever. Here a
    new iterator first ends the earlier one's thread. An error in the thread (an unreadable image) is raised in the
    training instead of hanging it. Batches, their order and torch's random draws stay as they are upstream.

    Introduced by https://github.com/XPixelGroup/BasicSR/pull/268; ``basicsr/data/prefetch_dataloader.py``.
    """
    generator_class, loader_class = module.PrefetchGenerator, module.PrefetchDataLoader
    if hasattr(generator_class, 'close'):
        return False
    upstream_iter, upstream_next = loader_class.__iter__, generator_class.__next__

    def run(self: Any) -> None:
        try:
            for item in self.generator:
                if self.__dict__.get('closed'):
                    return
                self.queue.put(item)
            self.queue.put(None)
        except Exception as error:
            self.queue.put(_Failure(error))

    def __next__(self: Any) -> Any:  # noqa: N807
        item = upstream_next(self)
        if isinstance(item, _Failure):
            raise item.error
        return item

    def close(self: Any) -> None:
        """End the thread; what it had fetched is dropped."""
        self.closed = True
        while self.is_alive():
            try:
                self.queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue

    def __iter__(self: Any) -> Iterator[Any]:  # noqa: N807
        earlier = self.__dict__.get('_prefetching')
        if earlier is not None:
            earlier.close()
        self._prefetching = upstream_iter(self)
        return self._prefetching

    generator_class.run, generator_class.__next__, generator_class.close = run, __next__, close
    loader_class.__iter__ = __iter__
    return True
