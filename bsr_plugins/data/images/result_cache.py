"""Results computed from the images of a data set, kept in a folder of the user's own, never beside the images."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import sweep
from bsr_plugins.common.made_once import in_turn, made_once
from bsr_plugins.common.shard import Shard
from bsr_plugins.common.shard_files import held, shard_path
from bsr_plugins.common.shown import counted, shown
from bsr_plugins.data.images.listed_images import ListedImages
from bsr_plugins.data.images.result_files import (
    DAMAGE,
    FORMAT,
    ImageArrays,
    concatenated,
    map_arrays,
    read_mark,
    write_arrays,
)
from bsr_plugins.data.images.result_parts import Kept, KeptFiles, PartsGoneError, PartWriter
from bsr_plugins.data.images.result_work import Working, in_threads, worker_threads
from bsr_plugins.data.images.stored_images import StoredImage, digest_of

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


class Prepared(NamedTuple):
    """What was prepared for a data set.

    Attributes:
        what: What it is, in words.
        path: Its file.
        total: Of how many images it has results, or will have.
        made: How many of them were computed, or looked at again, by this call.
        missing: Numbers of the shards that are not finished; [] where the file is there.
        unit: What is counted, in the singular.
    """

    what: str
    path: Path
    total: int
    made: int
    missing: List[int]
    unit: str = 'image'


class ImageResults:
    """An array for each image, computed only where the cache has no result of the same content.

    An image is known by size and time of change; where these differ from those stored, by a hash of its bytes. So a
    touched or copied image costs its reading, and a changed one, or one that was added, costs that image alone. There
    is one file for each (``name``, ``parameters``, folders of the images): ``<cache folder>/<name>-<hash>.npz``,
    replaced atomically when all is done. It holds the images of the latest call, so two data sets of the same
    folder and parameters that list different images compute what they do not share again in turns.

    While they are computed, results are written every few seconds to parts beside it, ``<name>-<hash>.parts``, of which
    the next call takes up all: a process that is killed loses some seconds of work. The file is put together from them
    an image at a time, with the same bytes as if nothing had been interrupted.

    A damaged or foreign file is computed anew with one line in the log; a folder that cannot be written is one
    warning, and the results are then kept in memory.

    Args:
        name: What is computed: letters, digits, ``_``.
        parameters: All that the results depend on besides the images' bytes, as JSON types; a version of the
            computation among it, raised when the code changes what it returns.
        images: What each result is computed from: one stored image or more (HR, or LR and HR).
        compute_one: Takes an index into ``images``; returns an array of one dtype for all of them (it is stored flat).
            It is called from several threads at once, so it should spend its time where Python's lock is released
            (OpenCV, numpy). Images may be fewer or others in a later call: the index must not take part in the result.
        label: What the progress bar says; default ``name``.
        is_needed_whole: What is computed next depends on all of these results: :meth:`prepare` makes no shards of them.

    Raises:
        DataError: An image is missing.
    """

    def __init__(
        self,
        name: str,
        parameters: Mapping[str, Any],
        images: Sequence[Sequence[StoredImage]],
        compute_one: Callable[[int], np.ndarray],
        *,
        label: Optional[str] = None,
        is_needed_whole: bool = False,
    ) -> None:
        self.label = label or name
        self.is_needed_whole = is_needed_whole
        self._images, self._compute_one = images, compute_one
        self._listed = ListedImages(images)
        self._everything = range(len(images))
        key = {'name': name, 'parameters': dict(parameters), 'folders': self._listed.folders}
        text = json.dumps([FORMAT, key], sort_keys=True)
        digest = hashlib.blake2b(text.encode('utf-8'), digest_size=8).hexdigest()
        # As it is read again: tuples are lists.
        self._key = json.loads(json.dumps(key))
        self._files: Optional[KeptFiles] = None
        try:
            self._files = KeptFiles(cache_folder() / f'{name}-{digest}.npz', self._key)
        except RuntimeError as error:
            self._homeless = error

    def get(self) -> ImageArrays:
        """Return the results, memory-mapped from the cache file where there is one.

        Of several processes that ask at the same time, as the ranks of a run do, one computes and the others wait
        (:func:`bsr_plugins.common.made_once.made_once`).

        Raises:
            DataError: An image cannot be read.
        """
        if self._files is None:
            _warn_unwritable('the cache', self._homeless)
            return self._make(Working())
        return made_once(self._files.path, self.label, self.load, lambda say: self._make(Working(say)))

    def load(self) -> Optional[ImageArrays]:
        """Return the results of all images as they are now, where the cache has them."""
        if self._files is None:
            return None
        path = self._files.path
        try:
            mark = read_mark(path)
            if mark['key'] != self._key:
                return None
            # A file of an earlier release has no such hash.
            is_same = mark['listed'] == self._listed.hash() if 'listed' in mark else self._listed.are_those_of(mark)
            arrays = map_arrays(path, mark['identity']) if is_same else None
        except DAMAGE:
            return None
        return arrays if arrays is not None and len(arrays) == len(self._images) else None

    def prepare(self, shard: Optional[Shard] = None, progress: bool = True) -> Prepared:
        """Compute what the cache lacks, all of it or a shard; the last shard to be finished makes the file.

        Each shard is a call of its own, in any order, on any machine that shares the cache folder. What is finished is
        told from the parts, so that calls of other totals, and whole ones that were killed, have done their share.

        Raises:
            DataError: An image cannot be read, there is no cache folder, another process makes this shard.
            OSError: The cache folder cannot be written.
        """
        files = self._kept_files
        made = [0]
        missing: List[int] = []
        working = Working(progress=progress, must_be_kept=True)
        if shard is not None and not self.is_needed_whole:
            with held(shard_path(files.path, shard)):
                made[0] = self._make_shard(files, shard, working)
            with in_turn(files.path, self.label):
                missing = [] if self.load() is not None else self._missing_shards(shard.total)
        if not missing:
            made_once(files.path, self.label, self.load, lambda say: self._make(working._replace(say=say), made))
        return Prepared(self.label, files.path, len(self._images), made[0], missing)

    @property
    def _kept_files(self) -> KeptFiles:
        if self._files is None:
            raise DataError('There is no folder to prepare in', found=self._homeless, remedy=_remedy())
        return self._files

    def _missing_shards(self, total: int) -> List[int]:
        stale = set(self._listed.stale(self._everything, self._kept(self._everything, verify=False)))
        return [number for number in range(1, total + 1) if stale & set(Shard(number, total).of(self._everything))]

    def _make_shard(self, files: KeptFiles, shard: Shard, working: Working) -> int:
        """Write the results of a shard to parts; return how many were not there yet."""
        numbers = shard.of(self._everything)
        with in_turn(files.path, self.label):
            if self.load() is not None:
                return 0
            kept = self._kept(numbers, verify=True)
        stale = self._listed.stale(numbers, kept)
        processes = int(os.environ.get('LOCAL_WORLD_SIZE') or 1)
        writer = PartWriter(files, working.must_be_kept)
        try:
            self._bring_up_to_date(writer, kept, stale, len(numbers), working._replace(processes=processes))
            writer.flush()
        except OSError:
            # Another process may have made all, and removed the parts.
            if self.load() is None:
                raise
        return len(stale)

    def _make(self, working: Working, made: Optional[List[int]] = None) -> ImageArrays:
        """Compute what is not kept and put all together; how many were computed is added to ``made[0]``."""
        if self._files is not None:
            sweep(self._files.path.parent)
        for is_last in (False, False, True):
            # In the end nothing is built on that others may remove.
            kept = {} if is_last else self._kept(self._everything, verify=True)
            stale = self._listed.stale(self._everything, kept)
            if made is not None:
                made[0] += len(stale)
            writer = PartWriter(None if is_last else self._files, working.must_be_kept)
            self._bring_up_to_date(writer, kept, stale, len(self._images), working)
            kept = {number: each for number, each in {**kept, **writer.kept}.items() if number not in writer.held}
            try:
                return self._put_together(kept, writer, working.must_be_kept)
            except PartsGoneError:
                found = self.load()
                if found is not None:
                    return found
        raise DataError(f'{self.label}: parts of the results disappear while they are read', where=cache_folder())

    def _kept(self, numbers: Sequence[int], verify: bool) -> Dict[int, Kept]:
        if self._files is None:
            return {}
        identities = self._listed.identities
        wanted = {identities[number]: self._listed.stamps(number) for number in numbers}
        found = self._files.read(wanted, verify)
        return {number: found[identities[number]] for number in numbers if identities[number] in found}

    def _bring_up_to_date(
        self, writer: PartWriter, kept: Mapping[int, Kept], stale: Sequence[int], total: int, working: Working
    ) -> None:
        """Compute the ``stale`` ones of ``total`` results, or find by their hashes that they are those of before."""

        def result_of(number: int) -> Tuple[str, Optional[np.ndarray]]:
            # Hashed before it is computed: what changes between the two does not match this hash in the next run.
            digest = digest_of(self._images[number])
            is_same = number in kept and kept[number].digest == digest
            return digest, None if is_same else np.ravel(self._compute_one(number))

        from tqdm import tqdm

        done = total - len(stale)
        if done and len(stale) > 1:
            _log.info('%s: %d of %s there already', self.label, done, counted(total, 'image is', 'images are'))
        results = in_threads(result_of, stale, max(1, worker_threads() // working.processes))
        shows = working.progress and len(stale) > 1
        try:
            with contextlib.closing(results), tqdm(
                initial=done, total=total, desc=self.label, unit='image', mininterval=0.5, disable=not shows
            ) as bar:
                for number, (digest, array) in results:
                    if array is None:
                        array = np.array(self._kept_files.array(kept[number]))
                    listed = self._listed.identities[number], self._listed.stamps(number), digest
                    writer.add(number, listed, array)
                    bar.update()
                    done += 1
                    if working.say is not None:
                        working.say(f'{done} of {counted(total, "image", "images")}')
        except BaseException:
            writer.flush()
            raise

    def _put_together(self, kept: Mapping[int, Kept], written: PartWriter, must_be_kept: bool) -> ImageArrays:
        files = self._files
        if files is None:
            return concatenated([written.held[number] for number in self._everything])

        def arrays() -> Iterator[np.ndarray]:
            for number in self._everything:
                yield files.array(kept[number]) if number in kept else written.held[number]

        shapes = files.shapes({each.path for each in kept.values()})
        dtypes = {dtype for _, dtype in shapes.values()} | {array.dtype for array in written.held.values()}
        lengths = np.empty(len(self._images), np.int64)
        for number in self._everything:
            place = kept.get(number)
            lengths[number] = len(written.held[number]) if place is None else shapes[place.path][0][place.row]
        digests = {**{number: each.digest for number, each in kept.items()}, **written.digests}
        listed = [
            (identity, self._listed.stamps(number), digests[number])
            for number, identity in enumerate(self._listed.identities)
        ]
        identity = hashlib.blake2b(json.dumps(listed).encode('utf-8'), digest_size=16).hexdigest()
        try:
            if written.error is not None:
                raise written.error
            if not self._is_written_by_another(files.path, identity):
                header = {'key': self._key, 'identity': identity, 'images': listed}
                write_arrays(files.path, header, self._listed.hash(), lengths, np.result_type(*dtypes), arrays())
            files.remove_parts()
            return map_arrays(files.path, identity, verify=False)
        except DAMAGE as error:
            if must_be_kept:
                raise
            _warn_unwritable(str(files.path), error)
            return concatenated(list(arrays()))

    def _is_written_by_another(self, path: Path, identity: str) -> bool:
        # By another machine that computed the same meanwhile. To replace a file that it has mapped would, over NFS,
        # take the pages from under it.
        try:
            mark, arrays = read_mark(path), map_arrays(path, identity)
            return (mark['identity'], mark['key'], len(arrays)) == (identity, self._key, len(self._images))
        except DAMAGE:
            return False


def _warn_unwritable(what: str, error: BaseException) -> None:
    _log.warning(
        '%s cannot be written (%s), so the results are computed in every run: %s.',
        shown(what),
        shown(error),
        _remedy(),
    )


def _remedy() -> str:
    return f'set {FOLDER_VARIABLE} to a folder that can be written'
