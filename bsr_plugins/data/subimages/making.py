"""What making sub-images takes, however they are kept: threads in order, a bar, a folder that one run holds."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Deque, Generator, Iterator, Sequence, TypeVar

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.processes import cores
from bsr_plugins.data.subimages.subimage_cutting import SourceImage
from bsr_plugins.data.subimages.subimage_request import Request

_Made = TypeVar('_Made')


def source_image(request: Request, prefix: str, key: str, factor: float, hr: bool, lr: bool) -> SourceImage:
    """Return one of the images of ``request.prefixes()``, of which the HR side, the LR side or both are wanted."""
    given = request.lr_images[key] if request.lr_images is not None and factor == 1 else None
    return SourceImage(prefix, request.hr_images[key], given, factor, hr, lr, request.degradation, request.noise_seed)


def in_order(
    images: Sequence[SourceImage], make: Callable[[SourceImage], _Made], workers: int
) -> Generator[_Made, None, None]:
    """Yield what threads make of ``images``, in their order, never more than ``workers`` + 1 of them in memory."""
    waiting: Deque[Future] = deque()
    with _one_opencv_thread(), ThreadPoolExecutor(workers) as pool:
        try:
            for source in images:
                waiting.append(pool.submit(make, source))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def threads(workers: Any) -> int:
    """Return how many threads read and encode: as many as were asked for, or one a core.

    Raises:
        OptionError: Fewer than one.
    """
    if workers is not None and workers < 1:
        raise OptionError('--workers must be at least 1', where='workers', found=workers)
    return workers or cores()


@contextlib.contextmanager
def image_bar(total: int, left: int, progress: bool) -> Iterator[Any]:
    """Yield a bar of images on stderr."""
    from tqdm import tqdm

    with tqdm(
        total=total, initial=total - left, unit='image', desc='sub-images', mininterval=0.5, disable=not progress
    ) as bar:
        yield bar


@contextlib.contextmanager
def locked(folder: Path, shared: bool) -> Iterator[None]:
    """Hold the folder, which is made, so that two runs never write the same; shards hold it together.

    Where the system has no such lock, it goes on without.

    Raises:
        DataError: Another run holds it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f'folder {folder} cannot be created', where=folder, found=error, remedy='give another --out'
        ) from error
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f'another run is making sub-images in {folder}', where=folder, remedy='wait for it, or stop it'
            ) from error
        except OSError:
            # Some network file systems refuse to lock a folder.
            pass
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _one_opencv_thread() -> Iterator[None]:
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
