"""The LR images that maps are made of: those of a folder, or the records of an LMDB."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import numpy as np

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.image_folders import NAMED_AT_MOST, by_key, list_images
from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.images.image_store import is_keyed
from bsr_plugins.data.saliency.saliency_record import source_of
from bsr_plugins.data.subimages.lmdb_images import LmdbImages
from bsr_plugins.data.subimages.lmdb_manifest import read_keys


class SourceImages(NamedTuple):
    """Images by key, in the order of the keys.

    Attributes:
        folder: The folder, or the LMDB.
        layout: ``folder`` or ``lmdb``.
        keys: Of the images, sorted.
        read: Returns the image of a key, (h, w, 3) uint8 BGR.
    """

    folder: str
    layout: str
    keys: List[str]
    read: Callable[[str], np.ndarray]


class Survey(NamedTuple):
    """What reading all images once has shown.

    Attributes:
        sizes: (h, w) of each image, in the order of the keys.
        fingerprint: SHA-256 of all keys, sizes and pixels, however the images are stored.
    """

    sizes: List[Tuple[int, int]]
    fingerprint: str


def images_of_folder(folder: PathLike) -> SourceImages:
    """Return the images of a folder by their names without ending, dots in them as ``-``.

    Raises:
        OptionError: It is an LMDB or a raw image store.
        DataError: There is no such folder, no image in it, or names that cannot be keys.
    """
    if is_keyed(folder):
        raise OptionError(
            f'{folder} is no folder of images', where='--lq', found=str(folder), remedy=f'give it as --lq-lmdb {folder}'
        )
    files = by_key(list_images(folder))
    return SourceImages(str(folder), 'folder', sorted(files), lambda key: read_image(files[key]))


def images_of_lmdb(path: PathLike) -> SourceImages:
    """Return the images of an LMDB by their keys.

    Raises:
        DataError: There is no such LMDB, or it lists no key.
    """
    lmdb = LmdbImages(path)
    return SourceImages(
        str(path),
        'lmdb',
        sorted(read_keys(path)),
        lmdb.pixels,
    )


def survey(images: SourceImages, seen: Callable[[], Any] = lambda: None) -> Survey:
    """Read each image once.

    Args:
        images: The images.
        seen: Called after each.

    Raises:
        DataError: Images cannot be read: all of them are named, before hours are spent on the others.
    """
    sizes: List[Tuple[int, int]] = []
    digest, wrong = hashlib.sha256(), []
    for key in images.keys:
        try:
            source = source_of(images.read(key), 1)
        except DataError as error:
            wrong.append(error)
            continue
        finally:
            seen()
        sizes.append((source.height, source.width))
        digest.update(f'{key}\n{source.height} {source.width} {source.crc32:08x}\n'.encode())
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        more = f'\n... and {len(wrong) - NAMED_AT_MOST} more' if len(wrong) > NAMED_AT_MOST else ''
        raise DataError(
            f'{len(wrong)} of {len(images.keys)} images cannot be read',
            where=images.folder,
            found='; '.join(error.problem for error in wrong[:NAMED_AT_MOST]) + more,
            remedy='replace or remove these files' if images.layout == 'folder' else 'make the LMDB again',
        )
    return Survey(sizes, digest.hexdigest())


def manifest_entry(images: SourceImages, found: Survey) -> Dict[str, str]:
    """Return what a manifest says of the images."""
    return {
        'folder': images.folder,
        'resolved': str(Path(images.folder).resolve()),
        'layout': images.layout,
        'fingerprint': found.fingerprint,
    }
