"""Images read from disk as BasicSR reads them, with an error that names the file where one cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from bsr_plugins.common.errors import DataError, ImageFileError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.declared_size import check_declared_size, fits_declared_size


def read_image(path: PathLike, reduce_depth: bool = False) -> Any:
    """Return an image file as a uint8 BGR array (H, W, 3).

    Grey becomes three equal channels and transparency is dropped, as ``cv2.IMREAD_COLOR`` (BasicSR's flag) does.

    Args:
        path: The file.
        reduce_depth: Round 16 bits a channel to 8 instead of refusing them.

    Raises:
        DataError: the file is missing, unreadable, damaged, cut short, declares a size that it cannot hold, or has more
            than 8 bits a channel.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except IsADirectoryError as error:
        raise ImageFileError(
            f'{path} is a folder, not an image',
            where=path,
            expected='the file of one image; not a data set, an LMDB or a raw image store',
            remedy='name one of the image files that it holds or was made of',
        ) from error
    except OSError as error:
        raise ImageFileError(f'image {path} cannot be read', where=path, found=error) from error
    return decode_image(content, path, reduce_depth)


def decode_image(content: bytes, path: PathLike, reduce_depth: bool = False) -> Any:
    """Return the image in ``content``, a file's or a record's bytes, as :func:`read_image` does.

    Raises:
        DataError: it is damaged, cut short, or has more than 8 bits a channel; ``path`` names it.
    """
    import cv2
    import numpy as np

    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    image = quickly_decoded(content, flags)
    if image is None:
        image = decoded(lambda: cv2.imdecode(np.frombuffer(content, np.uint8), flags), content, f'image {path}', path)
    if reduce_depth and image.dtype == np.uint16:
        return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if image.dtype != np.uint8:
        raise DataError(
            f'image {path} has more than 8 bits a channel',
            where=path,
            expected='uint8',
            found=str(image.dtype),
            remedy='convert it to 8 bit',
        )
    return image


def quickly_decoded(content: bytes, flags: int) -> Any:
    """Return what OpenCV makes of ``content``; None where anything is wrong with it, for :func:`decoded` to say what.

    Args:
        content: An encoded image.
        flags: Of ``cv2.imdecode``.
    """
    import cv2
    import numpy as np

    if not content or not fits_declared_size(content) or _cut_short(content):
        return None
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        return None


def decoded(
    decode: Callable[[], Any], content: bytes, what: str, where: Any, remedy: str = 'replace or remove the file'
) -> Any:
    """Return what ``decode`` makes of ``content``.

    Args:
        decode: Decodes it; None, or an error of OpenCV's, where that fails.
        content: An encoded image.
        what: What it is, for the message: ``image a.png``.
        where: Where it stands.
        remedy: What to do about it.

    Raises:
        DataError: It cannot be decoded, is cut short, or declares a size that it cannot hold.
    """
    import cv2

    check_declared_size(content, what, where, remedy)
    problem, image = '', None
    if content and not _cut_short(content):
        try:
            image = decode()
        except (cv2.error, AttributeError) as error:  # of None, which functions of BasicSR take for an image
            problem = f', {getattr(error, "err", "")}'.rstrip(', ')
    if image is None:
        raise DataError(
            f'{what} is damaged or not an image', where=where, found=f'{len(content)} bytes{problem}', remedy=remedy
        )
    return image


def _cut_short(content: bytes) -> bool:
    # Older builds of OpenCV fill what is missing with grey and say nothing.
    if content.startswith(b'\x89PNG'):
        return content.rfind(b'IEND') < 0
    if content.startswith(b'\xff\xd8\xff'):
        return not content.endswith(b'\xff\xd9') and content.find(b'\xff\xd9', content.rfind(b'\xff\xda')) < 0
    return False
