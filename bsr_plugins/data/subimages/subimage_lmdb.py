"""HR and LR images into BasicSR LMDBs of sub-images: one pass, bounded memory, safe against being killed."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Deque, Dict, Iterator, List, NamedTuple, Optional, Sequence

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.degradations import BICUBIC
from bsr_plugins.data.images.image_encoding import ENCODINGS, encoder
from bsr_plugins.data.subimages.lmdb_manifest import read_manifest
from bsr_plugins.data.subimages.lmdb_writer import LMDBWriter, remove_leftovers
from bsr_plugins.data.subimages.subimage_cutting import Cut, SourceImage, cut, hr_image
from bsr_plugins.data.subimages.subimage_request import Request, is_complete, make_request
from bsr_plugins.data.subimages.windows import WindowGrid, sub_image_name

HR_NAME = 'HR_sub.lmdb'
_TRANSACTION_BYTES = 1 << 25


def lr_name(scale: int) -> str:
    """Return the folder name of the LR LMDB of a scale."""
    return f'LR_sub_x{scale}.lmdb'


class Created(NamedTuple):
    """The two LMDBs, how many sub-images each holds, and which of them this call made ([]: both stood already)."""

    hr: Path
    lr: Path
    sub_images: int
    made: List[Path]


def create_subimage_lmdbs(
    hr: PathLike,
    out: PathLike,
    scale: int,
    lr: Optional[PathLike] = None,
    grid: Optional[WindowGrid] = None,
    factors: Sequence[float] = (1.0,),
    encoding: str = 'png-fast',
    workers: Optional[int] = None,
    hr_template: str = '{}',
    lr_template: Optional[str] = None,
    progress: bool = True,
    degradation: str = BICUBIC,
    noise_seed: int = 0,
) -> Created:
    """Make ``HR_sub.lmdb`` and ``LR_sub_x<scale>.lmdb`` in ``out``, or only the one that is missing.

    Every image is read once. Memory holds ``workers`` + 1 images' windows and one transaction, however many
    images there are. Keys, values, meta_info.txt and manifest.json are the same for any number of workers and
    after any number of interruptions: each LMDB grows as ``<name>.partial``, a rerun goes on where it stopped, and the
    name appears when all of it is on disk.

    Args:
        hr: Folder of HR images.
        out: Folder for the LMDBs.
        scale: HR side / LR side.
        lr: Folder of LR images (``<name>x<scale>`` or the same name); None: MATLAB-like bicubic of HR.
        grid: Windows; None: ``default_grid(scale)``.
        factors: ClassSR's shrinking factors; for those below 1 the LR image is always made from the shrunk HR.
        encoding: A key of ``image_encoding.ENCODINGS``.
        workers: Threads that read and encode; None: one a core.
        hr_template: What HR stems look like, ``{}`` standing for the key.
        lr_template: What LR stems look like, ``{}`` standing for the key.
        progress: Show a bar on stderr.
        degradation: How LR images are made of the HR ones where ``lr`` is None: one of ``DEGRADATIONS``.
        noise_seed: Of the noise of ``fpl``.

    Raises:
        OptionError: wrong or contradicting parameters.
        DataError: wrong folders or images (named), an output that exists and is something else, a full disk.
        DependencyError: a package that the encoding or the bicubic needs is missing.
    """
    if workers is not None and workers < 1:
        raise OptionError('--workers must be at least 1', where='workers', found=workers)
    request = make_request(hr, lr, scale, grid, factors, encoding, hr_template, lr_template, degradation, noise_seed)
    out = Path(out)
    manifests = {out / HR_NAME: request.hr_manifest, out / lr_name(scale): request.lr_manifest}
    _make_folder(out)
    with _locked(out):
        missing = {path: manifest for path, manifest in manifests.items() if not is_complete(path, manifest)}
        if missing:
            _make(request, missing, out, workers or _cores(), progress)
        for path in manifests:
            remove_leftovers(path)
        counts = {path: read_manifest(path, 'sub_images')['sub_images'] for path in manifests}
    return Created(out / HR_NAME, out / lr_name(scale), counts[out / HR_NAME], list(missing))


def _make(request: Request, missing: Dict[Path, Dict], out: Path, workers: int, progress: bool) -> None:
    hr_path, lr_path = out / HR_NAME, out / lr_name(request.scale)
    with contextlib.ExitStack() as stack:
        writers: Dict[Path, LMDBWriter] = {}
        for path, manifest in missing.items():
            writers[path] = LMDBWriter(path, manifest)
            stack.callback(writers[path].close)
        images = _left_to_do(request, writers.get(hr_path), writers.get(lr_path))
        bar = stack.enter_context(_bar(len(request.prefixes()), len(images), progress))
        cut_so_far, sizes = 0, {}
        for done in _cut_in_order(images, request, workers):
            for path, items in ((hr_path, done.hr), (lr_path, done.lr)):
                if items:
                    writers[path].put(items)
            # Both at once: an image is read again by a rerun if either side of it is missing.
            if sum(writer.pending_bytes for writer in writers.values()) >= _TRANSACTION_BYTES:
                for writer in writers.values():
                    writer.flush()
            sizes[done.prefix] = list(done.size)
            cut_so_far += len(done.hr or done.lr)
            bar.set_postfix_str(f'{cut_so_far} windows', refresh=False)
            bar.update()
        for writer in writers.values():
            writer.flush()
        _check_counts({path: writer.count() for path, writer in writers.items()}, (hr_path, lr_path))
        for path, writer in writers.items():
            side = request.grid.crop // (request.scale if path == lr_path else 1)
            measured = {'sizes': _all_sizes(request, sizes)} if path == hr_path else {}
            writer.complete(f'({side},{side},3) {ENCODINGS[request.encoding]}', **measured)
        for writer in writers.values():
            writer.move_into_place()


def _all_sizes(request: Request, known: Dict[str, List[int]]) -> Dict[str, List[int]]:
    """Return the size of every image; those that an interrupted run has cut are read once more."""
    return {
        prefix: known[prefix]
        if prefix in known
        else list(hr_image(SourceImage(prefix, request.hr_images[key], None, factor, True, False)).shape[:2])
        for prefix, key, factor in request.prefixes()
    }


def _left_to_do(request: Request, hr: Optional[LMDBWriter], lr: Optional[LMDBWriter]) -> List[SourceImage]:
    images = []
    for prefix, key, factor in request.prefixes():
        first = sub_image_name(prefix, 1)
        hr_wanted, lr_wanted = (writer is not None and not writer.has(first) for writer in (hr, lr))
        if hr_wanted or lr_wanted:
            given = request.lr_images[key] if request.lr_images is not None and factor == 1 else None
            how = (request.degradation, request.noise_seed)
            images.append(SourceImage(prefix, request.hr_images[key], given, factor, hr_wanted, lr_wanted, *how))
    return images


def _cut_in_order(images: Sequence[SourceImage], request: Request, workers: int) -> Iterator[Cut]:
    """Yield what threads cut, in the order of ``images``, never more than ``workers`` + 1 of them in memory."""
    encode = encoder(request.encoding)
    waiting: Deque[Future] = deque()
    with _one_opencv_thread(), ThreadPoolExecutor(workers) as pool:
        try:
            for source in images:
                waiting.append(pool.submit(cut, source, request.grid, request.scale, request.mod, encode))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _check_counts(written: Dict[Path, int], paths: Sequence[Path]) -> None:
    counts = {
        path: written[path] if path in written else read_manifest(path, 'sub_images')['sub_images'] for path in paths
    }
    if len(set(counts.values())) > 1:
        raise DataError(
            'the HR and LR LMDBs have different numbers of sub-images',
            where=paths[0].parent,
            found=', '.join(f'{path.name}: {count}' for path, count in counts.items()),
            remedy='images changed while this ran: delete both and the .partial folders, and run it again',
        )


@contextlib.contextmanager
def _bar(total: int, left: int, progress: bool) -> Iterator:
    from tqdm import tqdm

    with tqdm(
        total=total, initial=total - left, unit='image', desc='sub-images', mininterval=0.5, disable=not progress
    ) as bar:
        yield bar


@contextlib.contextmanager
def _one_opencv_thread() -> Iterator[None]:
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder, so that two runs never write the same LMDB; where the system has no such lock, go on without."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f'another run is making LMDBs in {folder}', where=folder, remedy='wait for it, or stop it'
            ) from error
        except OSError:
            # Some network file systems refuse to lock a folder.
            pass
        yield
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f'folder {folder} cannot be created', where=folder, found=error, remedy='give another --out'
        ) from error


def _cores() -> int:
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
