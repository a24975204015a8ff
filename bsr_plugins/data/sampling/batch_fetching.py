"""Whether torch's loader hands a data set whole batches of indices (``__getitems__``): torch 1.13 and newer."""

from __future__ import annotations

from typing import Any, Optional


def fetches_batches(fetcher: Optional[Any] = None) -> bool:
    """Return whether a loader calls ``dataset.__getitems__(indices)`` where the data set has it.

    Args:
        fetcher: The class that fetches for a map-style data set; default that of the installed torch.
    """
    if fetcher is None:
        from torch.utils.data._utils.fetch import _MapDatasetFetcher

        fetcher = _MapDatasetFetcher
    return '__getitems__' in fetcher.fetch.__code__.co_names
