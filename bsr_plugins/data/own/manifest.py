"""What is known of images made ready before: ``images.json``, and how a changed image is noticed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple, Optional, Tuple

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.degradations import BICUBIC

MANIFEST = 'images.json'
_HEAD_BYTES = 65536


class Source(NamedTuple):
    """An image that is chosen.

    Attributes:
        hr: Its file.
        lr: Its LR file, where one is given.
        stamp: What both are recognised by.
        height: Height of HR as decoded, and as far as LR reaches.
        width: Its width.
        is_deep: Whether one of the files has 16 bits a channel.
        as_it_is: Whether the files can be cut into sub-images without being changed.
    """

    hr: Path
    lr: Optional[Path]
    stamp: str
    height: int
    width: int
    is_deep: bool
    as_it_is: bool

    def cropped(self, scale: int) -> Tuple[int, int]:
        """Height and width, cropped to multiples of ``scale``."""
        return self.height // scale * scale, self.width // scale * scale

    @property
    def content(self) -> str:
        """What files of equal content have in common: the size and a hash of the first 64 KiB of ``hr``."""
        size, _, head = self.stamp.split(' ')[:3]
        return f'{size} {head}'


Images = Dict[str, Source]


class Request(NamedTuple):
    """The folders asked for; ``lr``: None where LR images are made, ``val``: None where images are held out.

    ``degradation`` is how LR images are made.
    """

    hr: PathLike
    scale: int
    lr: Optional[PathLike] = None
    val: Optional[PathLike] = None
    degradation: str = BICUBIC

    def content(self) -> Dict[str, Any]:
        """Return it as the manifest holds it."""
        paths = {'hr': self.hr, 'lr': self.lr, 'val': self.val}
        resolved = {key: None if path is None else str(Path(path).resolve()) for key, path in paths.items()}
        # Bicubic is what requests of earlier releases mean that do not say it.
        how = {} if self.degradation == BICUBIC else {'degradation': self.degradation}
        return {'scale': self.scale, **resolved, **how}


def outputs(key: str, image: Source, is_held_out: bool) -> Iterator[Tuple[str, str]]:
    """Yield (folder, file name) of what is made of an image."""
    if is_held_out:
        yield from (('val_HR', f'{key}.png'), ('val_LR', f'{key}.png'))
        return
    yield 'train_HR', key + (image.hr.suffix if image.as_it_is else '.png')
    if image.lr is not None:
        yield 'train_LR', key + (image.lr.suffix if image.as_it_is else '.png')


def made_of(training: Images, held_out: Images) -> Dict[str, str]:
    """Return the path of every file that is made -> the stamp of its image."""
    return {
        f'{folder}/{file}': image.stamp
        for images, is_held_out in ((training, False), (held_out, True))
        for key, image in images.items()
        for folder, file in outputs(key, image, is_held_out)
    }


def manifest(request: Request, training: Images, held_out: Images) -> str:
    """Return the text of ``images.json``."""
    images = [*training.values(), *held_out.values()]
    content = {
        'request': request.content(),
        'training': {key: image.hr.name for key, image in training.items()},
        'held_out': {key: image.hr.name for key, image in held_out.items()},
        'made': made_of(training, held_out),
        'measured': {image.stamp: [image.height, image.width, image.is_deep, image.as_it_is] for image in images},
    }
    return json.dumps(content, indent=1) + '\n'


def read_manifest(folder: Path) -> Dict[str, Any]:
    """Return what ``images.json`` in ``folder`` says, each part of the type it has; {} where there is none."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict) or not all(isinstance(part, dict) for part in content.values()):
        return {}
    return content


def stamp_of(path: Path) -> str:
    """Return size, time of the last change and a hash of the first 64 KiB, with a blank after each.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with open(path, 'rb') as stream:
            head = stream.read(_HEAD_BYTES)
        status = path.stat()
    except OSError as error:
        raise DataError(f'image {path} cannot be read', where=path, found=error) from error
    return f'{status.st_size} {status.st_mtime_ns} {hashlib.sha256(head).hexdigest()[:32]} '
