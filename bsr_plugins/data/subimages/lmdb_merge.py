"""The records and sizes of the LMDBs of shards, image by image."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.subimages.lmdb_manifest import read_manifest
from bsr_plugins.data.subimages.lmdb_writer import Items
from bsr_plugins.data.subimages.windows import sub_image_name


class ShardRecords:
    """Reads shards, each a folder with an LMDB of one name or another; :meth:`close` lets go of the memory they map.

    Args:
        shards: The folders, in the order of the shards.
    """

    def __init__(self, shards: Sequence[Path]) -> None:
        self._shards = shards
        self._open: Dict[Tuple[int, str], Any] = {}

    def read(self, shard: int, name: str, prefix: str) -> Items:
        """Return key and record of each window of an image, in their order.

        Args:
            shard: Which of the shards the image is in, from 0.
            name: Of the LMDB.
            prefix: Start of the keys.

        Raises:
            DataError: It is not there.
        """
        import lmdb

        place = (shard, name)
        if place not in self._open:
            self._open[place] = lmdb.open(str(self._shards[shard] / name), readonly=True, lock=False, readahead=False)
        items: List[Tuple[str, bytes]] = []
        with self._open[place].begin() as transaction:
            for number in count(1):
                key = sub_image_name(prefix, number)
                record = transaction.get(key.encode('ascii'))
                if record is None:
                    break
                items.append((key, record))
        if not items:
            raise self._lacks(shard, prefix)
        return items

    def sizes(self, name: str, prefixes: Sequence[str]) -> Dict[str, List[int]]:
        """Return the size of each image, as the manifests of the LMDBs ``name`` state them.

        Raises:
            DataError: None states the size of an image.
        """
        found: Dict[str, List[int]] = {}
        for shard, prefix in enumerate(prefixes):
            number = shard % len(self._shards)
            if prefix not in found:
                found.update(read_manifest(self._shards[number] / name, 'sizes')['sizes'])
            if prefix not in found:
                raise self._lacks(number, prefix)
        return {prefix: found[prefix] for prefix in prefixes}

    def close(self) -> None:
        """Close the LMDBs; the next read opens them."""
        for env in self._open.values():
            env.close()
        self._open.clear()

    def _lacks(self, shard: int, prefix: str) -> DataError:
        path = self._shards[shard]
        return DataError(
            f'A shard lacks an image: {prefix}',
            where=path,
            remedy=f'delete {path} and make this shard again, by the same command',
        )
