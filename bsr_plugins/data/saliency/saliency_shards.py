"""LMDBs of parts of the maps: whether one is finished, and all of them put together."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.lmdb_file import check_lmdb
from bsr_plugins.data.saliency.saliency_manifest import COUNT, is_same_request, read_saliency_manifest
from bsr_plugins.data.subimages.lmdb_writer import LMDBWriter, records

_PENDING_BYTES = 1 << 24


def is_finished(path: Path, manifest: Dict[str, Any]) -> bool:
    """Return whether the LMDB of a shard is there, is of this request, and is not cut short."""
    if not is_same_request(path, manifest):
        return False
    try:
        check_lmdb(path)
    except DataError:
        return False
    return True


def put_together(writer: LMDBWriter, paths: List[Path]) -> int:
    """Copy the maps of all shards; return how many there are in them.

    A process that is killed here leaves a part, which the next one goes on with.
    """
    total = 0
    for path in paths:
        total += read_saliency_manifest(path, COUNT)[COUNT]
        for key, record in records(path):
            if not writer.has(key):
                writer.put([(key, bytes(record))])
            if writer.pending_bytes > _PENDING_BYTES:
                writer.flush()
    writer.flush()
    return total
