"""HR and LR images into BasicSR LMDBs of sub-images: one pass, bounded memory, safe against being killed."""

from __future__ import annotations

import contextlib
import glob
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.common.shard import Shard
from bsr_plugins.common.shard_files import MadeShard, ShardedWork, make_shard, remove_shards, shard_path
from bsr_plugins.data.images.degradations import BICUBIC
from bsr_plugins.data.images.image_encoding import ENCODINGS, encoder
from bsr_plugins.data.subimages.image_sources import Folders
from bsr_plugins.data.subimages.layouts import HR_NAME, IMAGES, LMDB, names_of
from bsr_plugins.data.subimages.lmdb_manifest import read_manifest
from bsr_plugins.data.subimages.lmdb_merge import ShardRecords
from bsr_plugins.data.subimages.lmdb_writer import PARTIAL, Items, LMDBWriter, remove_leftovers
from bsr_plugins.data.subimages.making import image_bar, in_order, locked, source_image, threads
from bsr_plugins.data.subimages.subimage_cutting import Cut, SourceImage, cut, hr_image
from bsr_plugins.data.subimages.subimage_request import (
    Prefix,
    Request,
    is_complete,
    make_request,
    refuse_part_of_another,
)
from bsr_plugins.data.subimages.subimage_store import StoreParts, remove_notes
from bsr_plugins.data.subimages.windows import WindowGrid, sub_image_name

_TRANSACTION_BYTES = 1 << 25


class Created(NamedTuple):
    """What a call has made.

    Attributes:
        hr: The LMDB, or store, of HR sub-images.
        lr: That of LR ones.
        sub_images: How many each holds; 0 while shards are missing.
        made: Which of the two this call has made; []: both stood already, or shards are missing.
        missing: Numbers of the shards that are not finished.
        images: How many images of its shard this call has read.
    """

    hr: Path
    lr: Path
    sub_images: int
    made: List[Path]
    missing: Sequence[int] = ()
    images: int = 0


def create_subimage_lmdbs(
    hr: Folders,
    out: PathLike,
    scale: int,
    lr: Optional[Folders] = None,
    grid: Optional[WindowGrid] = None,
    factors: Sequence[float] = (1.0,),
    encoding: str = 'png-fast',
    workers: Optional[int] = None,
    hr_template: str = '{}',
    lr_template: Optional[str] = None,
    progress: bool = True,
    degradation: str = BICUBIC,
    noise_seed: int = 0,
    layout: str = LMDB,
    shard: Optional[Shard] = None,
) -> Created:
    """Make ``HR_sub.lmdb`` and ``LR_sub_x<scale>.lmdb`` in ``out``, or only the one that is missing.

    In the layout ``images`` they are ``HR_images.store`` and ``LR_images_x<scale>.store``, raw image stores.

    Every image is read once. Memory holds ``workers`` + 1 images' windows and one transaction, however many
    images there are. Keys, values, meta_info.txt and manifest.json are the same for any number of workers and
    after any number of interruptions: each LMDB grows as ``<name>.partial``, a rerun goes on where it stopped, and the
    name appears when all of it is on disk. They are the same for shards, which the last one to finish puts together.

    Args:
        hr: Folder of HR images, or several.
        out: Folder for the LMDBs.
        scale: HR side / LR side.
        lr: Folder of LR images (``<name>x<scale>`` or the same name), one for each of ``hr``; None: MATLAB-like bicubic
            of HR.
        grid: Windows; None: ``default_grid(scale)``.
        factors: ClassSR's shrinking factors; for those below 1 the LR image is always made from the shrunk HR.
        encoding: A key of ``image_encoding.ENCODINGS``.
        workers: Threads that read and encode; None: one a core.
        hr_template: What HR stems look like, ``{}`` standing for the key.
        lr_template: What LR stems look like, ``{}`` standing for the key.
        progress: Show a bar on stderr.
        degradation: How LR images are made of the HR ones where ``lr`` is None: one of ``DEGRADATIONS``.
        noise_seed: Of the noise of ``fpl``.
        layout: One of ``LAYOUTS``: windows encoded one by one, or whole images that they are crops of.
        shard: Make this part alone.

    Raises:
        OptionError: wrong or contradicting parameters.
        DataError: wrong folders or images (named), an output that exists and is something else, a full disk.
        DependencyError: a package that the encoding or the bicubic needs is missing.
    """
    count = threads(workers)
    request = make_request(
        hr, lr, scale, grid, factors, encoding, hr_template, lr_template, degradation, noise_seed, layout
    )
    out = Path(out)
    names = names_of(layout, scale)
    job = _Job(request, {names[0]: request.hr_manifest, names[1]: request.lr_manifest}, out, count, progress)
    with locked(out, shared=shard is not None):
        missing = job.missing(out)
        base = out / f'sub_x{scale}'
        if shard is not None:
            done = make_shard(base, shard, (_stores_work if layout == IMAGES else _lmdbs_work)(job, base, shard))
        elif missing:
            done = MadeShard(_make_stores(job) if layout == IMAGES else _make(job, out, request.prefixes()), [])
        else:
            done = MadeShard(0, [])
        if done.missing:
            return Created(out / names[0], out / names[1], 0, [], done.missing, done.made)
        for name in names:
            remove_leftovers(out / name)
            remove_notes(out / name)
        remove_shards(base)
        found = read_manifest(out / names[0], 'sub_images')['sub_images']
    return Created(out / names[0], out / names[1], found, [out / name for name in missing], (), done.made)


class _Job(NamedTuple):
    request: Request
    manifests: Dict[str, Dict[str, Any]]
    out: Path
    workers: int
    progress: bool

    def missing(self, folder: Path) -> Dict[str, Dict[str, Any]]:
        """Return the manifests, by name, of what is not in ``folder`` yet."""
        return {name: each for name, each in self.manifests.items() if not is_complete(folder / name, each)}


def _make_stores(job: _Job) -> int:
    parts = StoreParts(job.request, job.out, job.missing(job.out), job.workers, job.progress)
    parts.prepare(start_over=True)
    made = parts.make(range(parts.total))
    parts.finish()
    return made


def _stores_work(job: _Job, base: Path, shard: Shard) -> ShardedWork:
    # No shard has a folder of its own: the files of a store are made one by one, by whom is of no account.
    def parts() -> StoreParts:
        return StoreParts(job.request, job.out, job.missing(job.out), job.workers, job.progress)

    of_path = _shards(base, shard.total)

    def is_part(path: Path) -> bool:
        there = parts()
        return all(there.is_done(number) for number in of_path[path].of(range(there.total)))

    def make(path: Path, part: Shard) -> int:
        mine = parts()
        mine.prepare(start_over=False)
        return mine.make(part.of(range(mine.total)))

    return ShardedWork(lambda: not job.missing(job.out), is_part, make, lambda paths: parts().finish())


def _lmdbs_work(job: _Job, base: Path, shard: Shard) -> ShardedWork:
    if job.missing(job.out):
        _refuse_other_shards(job, base)
    prefixes, of_path = job.request.prefixes(), _shards(base, shard.total)

    def has_images(path: Path) -> bool:
        return bool(of_path[path].of(prefixes))

    def is_part(path: Path) -> bool:
        if not has_images(path):
            return True
        try:
            return all(is_complete(path / name, job.manifests[name]) for name in job.missing(job.out))
        except DataError:  # of another request, or damaged
            return False

    def make(path: Path, part: Shard) -> int:
        if not has_images(path):
            return 0
        for name in job.manifests:
            try:
                is_complete(path / name, job.manifests[name])
            except DataError:
                shutil.rmtree(path / name)
        return _make(job, path, part.of(prefixes))

    return ShardedWork(lambda: not job.missing(job.out), is_part, make, lambda paths: _put_together(job, paths))


def _refuse_other_shards(job: _Job, base: Path) -> None:
    for folder in sorted(base.parent.glob(f'{glob.escape(base.name)}.shard_*')):
        for name, manifest in job.manifests.items():
            for path in (folder / name, folder / (name + PARTIAL)):
                refuse_part_of_another(path, manifest, delete=folder)


def _shards(base: Path, total: int) -> Dict[Path, Shard]:
    shards = [Shard(number, total) for number in range(1, total + 1)]
    return {shard_path(base, each): each for each in shards}


def _make(job: _Job, folder: Path, prefixes: List[Prefix]) -> int:
    """Make the LMDBs of some images in ``folder``, but for those that are complete in ``job.out``."""
    request, (hr_name, lr_name_) = job.request, job.manifests
    wanted = job.missing(job.out)
    with _writers(job, folder, [name for name in job.missing(folder) if name in wanted]) as writers:
        images = _left_to_do(request, prefixes, writers.get(hr_name), writers.get(lr_name_))
        sizes: Dict[str, List[int]] = {}
        encode = encoder(request.encoding)

        def cut_one(source: SourceImage) -> Cut:
            return cut(source, request.grid, request.scale, request.mod, encode)

        with image_bar(len(prefixes), len(images), job.progress) as bar, closing(
            in_order(images, cut_one, job.workers)
        ) as cuts:
            cut_so_far = 0
            for done in cuts:
                _put(writers, {hr_name: done.hr, lr_name_: done.lr})
                sizes[done.prefix] = list(done.size)
                cut_so_far += len(done.hr or done.lr)
                bar.set_postfix_str(f'{cut_so_far} windows', refresh=False)
                bar.update()
        _complete(job, folder, writers, lambda: _all_sizes(request, prefixes, sizes))
    return len(images)


def _put_together(job: _Job, shards: List[Path]) -> None:
    """Make the LMDBs of those of the shards: the same images in the same order, so the same bytes as by one process."""
    names = job.missing(job.out)
    with _writers(job, job.out, names) as writers, closing(ShardRecords(shards)) as records:
        prefixes = job.request.prefixes()
        with image_bar(len(prefixes), len(prefixes), job.progress) as bar:
            for index, (prefix, _, _) in enumerate(prefixes):
                first = sub_image_name(prefix, 1)
                left = [name for name, writer in writers.items() if not writer.has(first)]
                if _put(writers, {name: records.read(index % len(shards), name, prefix) for name in left}):
                    records.close()
                bar.update()
        _complete(job, job.out, writers, lambda: records.sizes(HR_NAME, [prefix for prefix, _, _ in prefixes]))


@contextlib.contextmanager
def _writers(job: _Job, folder: Path, names: Iterable[str]) -> Iterator[Dict[str, LMDBWriter]]:
    with contextlib.ExitStack() as stack:
        writers: Dict[str, LMDBWriter] = {}
        for name in names:
            writers[name] = LMDBWriter(folder / name, job.manifests[name])
            stack.callback(writers[name].close)
        yield writers


def _put(writers: Dict[str, LMDBWriter], items: Dict[str, Items]) -> bool:
    """Keep the windows of an image; return whether what is kept was written."""
    for name, each in items.items():
        if each:
            writers[name].put(each)
    # Both at once: an image is read again by a rerun if either side of it is missing.
    if sum(writer.pending_bytes for writer in writers.values()) < _TRANSACTION_BYTES:
        return False
    for writer in writers.values():
        writer.flush()
    return True


def _complete(
    job: _Job, folder: Path, writers: Dict[str, LMDBWriter], sizes: Callable[[], Dict[str, List[int]]]
) -> None:
    for writer in writers.values():
        writer.flush()
    _check_counts({name: writer.count() for name, writer in writers.items()}, folder, list(job.manifests))
    request = job.request
    for name, writer in writers.items():
        side = request.grid.crop // (1 if name == HR_NAME else request.scale)
        measured = {'sizes': sizes()} if name == HR_NAME else {}
        writer.complete(f'({side},{side},3) {ENCODINGS[request.encoding]}', **measured)
    for writer in writers.values():
        writer.move_into_place()


def _all_sizes(request: Request, prefixes: List[Prefix], known: Dict[str, List[int]]) -> Dict[str, List[int]]:
    """Return the size of every image; those that an interrupted run has cut are read once more."""
    return {
        prefix: known[prefix]
        if prefix in known
        else list(hr_image(SourceImage(prefix, request.hr_images[key], None, factor, True, False)).shape[:2])
        for prefix, key, factor in prefixes
    }


def _left_to_do(
    request: Request, prefixes: List[Prefix], hr: Optional[LMDBWriter], lr: Optional[LMDBWriter]
) -> List[SourceImage]:
    images = []
    for prefix, key, factor in prefixes:
        first = sub_image_name(prefix, 1)
        hr_wanted, lr_wanted = (writer is not None and not writer.has(first) for writer in (hr, lr))
        if hr_wanted or lr_wanted:
            images.append(source_image(request, prefix, key, factor, hr_wanted, lr_wanted))
    return images


def _check_counts(written: Dict[str, int], folder: Path, names: List[str]) -> None:
    counts = dict(written)
    for name in names:
        # Of a shard whose other half stands in the whole already, there is one.
        if name not in counts and (folder / name).is_dir():
            counts[name] = read_manifest(folder / name, 'sub_images')['sub_images']
    if len(set(counts.values())) > 1:
        raise DataError(
            'the HR and LR LMDBs have different numbers of sub-images',
            where=folder,
            found=', '.join(f'{name}: {count}' for name, count in counts.items()),
            remedy='images changed while this ran: delete both and the .partial folders, and run it again',
        )
