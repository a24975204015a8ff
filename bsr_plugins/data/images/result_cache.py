"""Results computed from the images of a data set, kept in a folder of the user's own, never beside the images."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.common.files import sweep
from bsr_plugins.common.shown import shown
from bsr_plugins.data.images.result_files import (
    DAMAGE,
    FORMAT,
    ImageArrays,
    concatenated,
    map_arrays,
    read_header,
    write_arrays,
)
from bsr_plugins.data.images.stored_images import StoredImage, digest_of, stamps_of

FOLDER_VARIABLE = 'BSR_PLUGINS_CACHE'

# BasicSR's logger: during training these lines stand in the run's log, and on the first rank alone.
_log = logging.getLogger('basicsr')


def cache_folder() -> Path:
    """Return ``$BSR_PLUGINS_CACHE``, else ``$XDG_CACHE_HOME/bsr_plugins``, else ``~/.cache/bsr_plugins``.

    Raises:
        RuntimeError: The user has no home folder, and neither variable is set.
    """
    own = os.environ.get(FOLDER_VARIABLE)
    if own:
        return Path(own).expanduser().absolute()
    shared = os.environ.get('XDG_CACHE_HOME')
    return (Path(shared) if shared and os.path.isabs(shared) else Path.home() / '.cache') / 'bsr_plugins'


def worker_threads() -> int:
    """Return how many images are worked on at once: one a processor of this process, 8 at most for memory's sake."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    return min(8, available)


def cached_per_image(
    name: str,
    parameters: Mapping[str, Any],
    images: Sequence[Sequence[StoredImage]],
    compute_one: Callable[[int], np.ndarray],
    *,
    label: Optional[str] = None,
) -> ImageArrays:
    """Return ``compute_one(i)`` of each image, computed only where the cache has no result of the same content.

    An image is known by size and time of change; where these differ from those stored, by a hash of its bytes. So a
    touched or copied image costs its reading, and a changed one, or one that was added, costs that image alone. There
    is one file for each (``name``, ``parameters``, folders of the images): ``<cache folder>/<name>-<hash>.npz``,
    replaced atomically when all is done. It holds the images of the latest call, so two data sets of the same
    folder and parameters that list different images compute what they do not share again in turns.

    A damaged or foreign file is computed anew with one line in the log; a folder that cannot be written is one
    warning, and the results are then kept in memory. Under ``torch.distributed`` every rank must call this: the first
    rank of each machine (``LOCAL_RANK`` 0) computes while the others wait at a barrier, and these load what it wrote.
    They wait no longer than the process group's timeout (10 minutes for NCCL): build the data set once in a single
    process before, where the computation takes longer.

    Args:
        name: What is computed: letters, digits, ``_``.
        parameters: All that the results depend on besides the images' bytes, as JSON types; a version of the
            computation among it, raised when the code changes what it returns.
        images: What each result is computed from: one stored image or more (HR, or LR and HR).
        compute_one: Takes an index into ``images``; returns an array of one dtype for all of them (it is stored flat).
            It is called from several threads at once, so it should spend its time where Python's lock is released
            (OpenCV, numpy). Images may be fewer or others in a later call: the index must not take part in the result.
        label: What the progress bar says; default ``name``.

    Returns:
        The flat array of each image, memory-mapped from the cache file where there is one.

    Raises:
        DataError: An image cannot be read.
    """
    with _first_on_machine():
        return _Cache(name, parameters, images).results(compute_one, label or name)


def cached(
    name: str, parameters: Mapping[str, Any], images: Sequence[StoredImage], compute: Callable[[], np.ndarray]
) -> np.ndarray:
    """Return ``compute()``, one array of all ``images`` together, computed again where any of them has changed.

    As :func:`cached_per_image`, but the images are one: use it for small results such as a quantile. List the images
    that the result is really computed from, since each is hashed. A number comes back as an array of length 1.
    """
    return np.array(cached_per_image(name, parameters, [images], lambda _: np.atleast_1d(compute()))[0])


class _StoredResult(NamedTuple):
    stamps: List[List[int]]
    digest: str
    result: np.ndarray


class _Cache:
    def __init__(self, name: str, parameters: Mapping[str, Any], images: Sequence[Sequence[StoredImage]]) -> None:
        self._images = images
        folders = sorted({source.folder for sources in images for source in sources})
        self._key = {'name': name, 'parameters': dict(parameters), 'folders': folders}
        self._identities = ['\n'.join(source.identity for source in sources) for sources in images]
        stamps = iter(stamps_of([source for sources in images for source in sources]))
        self._stamps = [[list(next(stamps)) for _ in sources] for sources in images]
        text = json.dumps([FORMAT, self._key], sort_keys=True)
        try:
            self._path: Optional[Path] = (
                cache_folder() / f'{name}-{hashlib.blake2b(text.encode("utf-8"), digest_size=8).hexdigest()}.npz'
            )
        except RuntimeError as error:
            self._path = None
            _warn_unwritable('the cache', error)

    def results(self, compute_one: Callable[[int], np.ndarray], label: str) -> ImageArrays:
        if self._path is not None:
            sweep(self._path.parent)
        stored, known = self._read()
        entries = [known.get(identity) for identity in self._identities]
        stale = [index for index, entry in enumerate(entries) if entry is None or entry.stamps != self._stamps[index]]
        if stored is not None and not stale and len(stored) == len(entries) and list(known) == self._identities:
            return stored
        digests = [entry.digest if entry else '' for entry in entries]
        results = {index: entry.result for index, entry in enumerate(entries) if entry}

        def bring_up_to_date(index: int) -> None:
            # Hashed before it is computed: what changes between the two does not match this hash in the next run.
            digest = digest_of(self._images[index])
            entry = entries[index]
            if entry is None or entry.digest != digest:
                results[index] = np.ravel(compute_one(index))
            digests[index] = digest

        _in_threads(bring_up_to_date, stale, label)
        return self._write(concatenated([results[index] for index in range(len(entries))]), digests)

    def _read(self) -> Tuple[Optional[ImageArrays], Dict[str, _StoredResult]]:
        if self._path is None or not self._path.exists():
            return None, {}
        try:
            header = read_header(self._path)
            if json.dumps(header['key'], sort_keys=True) != json.dumps(self._key, sort_keys=True):
                raise ValueError('it was computed with other parameters')
            arrays = map_arrays(self._path, header['identity'])
            if len(header['images']) != len(arrays):
                raise ValueError('it lists other images than it holds')
            known = {
                identity: _StoredResult(stamps, digest, array)
                for (identity, stamps, digest), array in zip(header['images'], arrays)
            }
        except DAMAGE as error:
            _log.warning(
                'The cache file %s cannot be used (%s); its results are computed again.',
                shown(self._path),
                shown(error),
            )
            return None, {}
        return arrays, known

    def _is_written_by_another(self, path: Path, identity: str) -> bool:
        # By another machine that computed the same meanwhile. To replace a file that it has mapped would, over NFS,
        # take the pages from under it.
        try:
            header, arrays = read_header(path), map_arrays(path, identity)
            return (header['identity'], header['key']) == (identity, json.loads(json.dumps(self._key))) and len(
                arrays
            ) == len(self._identities)
        except DAMAGE:
            return False

    def _write(self, arrays: ImageArrays, digests: List[str]) -> ImageArrays:
        if self._path is None:
            return arrays
        listed = list(zip(self._identities, self._stamps, digests))
        identity = hashlib.blake2b(json.dumps(listed).encode('utf-8'), digest_size=16).hexdigest()
        try:
            if not self._is_written_by_another(self._path, identity):
                write_arrays(self._path, {'key': self._key, 'identity': identity, 'images': listed}, arrays)
            return map_arrays(self._path, identity, verify=False)
        except DAMAGE as error:
            _warn_unwritable(str(self._path), error)
            return arrays


def _in_threads(work: Callable[[int], None], indices: Sequence[int], label: str) -> None:
    if len(indices) <= 1:
        for index in indices:
            work(index)
        return
    from tqdm import tqdm

    # A generator, whose closing gives up what has not begun; it is typed as any iterator.
    with ThreadPoolExecutor(worker_threads()) as pool, contextlib.closing(
        pool.map(work, indices)  # type: ignore[type-var]
    ) as done:
        for _ in tqdm(done, total=len(indices), desc=label, unit='image', mininterval=0.5):
            pass


def _warn_unwritable(what: str, error: BaseException) -> None:
    _log.warning(
        '%s cannot be written (%s), so the results are computed in every run. Set %s to a folder that can be written.',
        shown(what),
        shown(error),
        FOLDER_VARIABLE,
    )


@contextlib.contextmanager
def _first_on_machine() -> Iterator[None]:
    """Let the first rank of each machine through, and the others when it is done."""
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()):
        yield
        return
    is_first = int(os.environ.get('LOCAL_RANK', dist.get_rank())) == 0
    if not is_first:
        dist.barrier()
    try:
        yield
    finally:
        # Also where the first one failed: the others then meet the same error, instead of waiting for it for ever.
        if is_first:
            dist.barrier()
