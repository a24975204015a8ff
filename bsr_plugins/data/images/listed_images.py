"""The images that results are computed from, as a cache knows them: by name, size and time of the last change."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, List, Mapping, Sequence

import numpy as np

from bsr_plugins.data.images.result_parts import Kept
from bsr_plugins.data.images.stored_images import StoredImage, folders_of, identity_of, stamps_of


class ListedImages:
    """What each of N results is computed from: a stored image or more.

    Attributes:
        folders: The folders and LMDBs that they lie in, sorted.
        identities: Absolute paths, and keys, of each result's images, as one text.

    Raises:
        DataError: A file is missing.
    """

    def __init__(self, images: Sequence[Sequence[StoredImage]]) -> None:
        flat = [source for sources in images for source in sources]
        self.folders = folders_of(flat)
        self.identities = ['\n'.join(map(identity_of, sources)) for sources in images]
        self._stamps = np.array(stamps_of(flat), np.int64)
        self._ends = np.concatenate([[0], np.cumsum([len(sources) for sources in images])])

    def __len__(self) -> int:
        return len(self.identities)

    def stamps(self, number: int) -> List[List[int]]:
        """Return size and time of change of each image that result ``number`` is computed from."""
        return self._stamps[self._ends[number] : self._ends[number + 1]].tolist()

    def hash(self) -> str:
        """Return a hash of all names and stamps."""
        hashed = hashlib.blake2b('\0'.join(self.identities).encode('utf-8', 'surrogatepass'), digest_size=16)
        hashed.update(self._stamps.tobytes())
        return hashed.hexdigest()

    def are_those_of(self, header: Dict[str, Any]) -> bool:
        """Return whether a file's header lists the same images, unchanged."""
        return len(header['images']) == len(self) and all(
            identity == self.identities[number] and stamps == self.stamps(number)
            for number, (identity, stamps, _) in enumerate(header['images'])
        )

    def stale(self, numbers: Sequence[int], kept: Mapping[int, Kept]) -> List[int]:
        """Return those of ``numbers`` that have no result, or one of other stamps."""
        return [number for number in numbers if number not in kept or kept[number].stamps != self.stamps(number)]
