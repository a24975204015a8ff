"""Folders of images: their files, the key each one gets, HR and LR paired by name, and a fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import PathLike
from bsr_plugins.common.shown import counted

EXTENSIONS = frozenset({'.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm'})
NAMED_AT_MOST = 10
_HEAD_BYTES = 65536
# Of an LMDB and of a raw image store; the images beside them are figures, of their difficulty for one.
_DATABASE_FILES = ('data.mdb', 'store.json')


def some_of(names: Iterable[Any]) -> str:
    """Return up to ten of ``names`` as text, and how many more there are."""
    names = [str(name) for name in names]
    more = len(names) - NAMED_AT_MOST
    return ', '.join(names[:NAMED_AT_MOST]) + (f' and {more} more' if more > 0 else '')


@dataclass
class Names:
    """How many names there are, and the first few of them."""

    count: int = 0
    first: List[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The first few, and how many more there are, as :func:`some_of` writes them."""
        more = self.count - len(self.first)
        return ', '.join(self.first) + (f' and {more} more' if more > 0 else '')

    @property
    def quoted(self) -> str:
        """:attr:`text` with each name in quotes."""
        return Names(self.count, list(map(repr, self.first))).text

    def add(self, keys: Any) -> None:
        """Count ``keys``, an array of bytes, and keep what is missing of the first few."""
        self.count += len(keys)
        room = NAMED_AT_MOST - len(self.first)
        self.first += [key.decode('utf-8', 'replace') for key in keys[: max(0, room)]]


def stray_files(folder: Path, names: Sequence[str]) -> List[str]:
    """Return the names of files that nothing can decode: neither of an image's ending nor known to OpenCV."""
    return [name for name in names if Path(name).suffix.lower() not in EXTENSIONS and not _opencv_reads(folder / name)]


def list_images(folder: PathLike) -> List[Path]:
    """Return the image files directly in ``folder``, sorted by name; hidden files and other kinds are passed over.

    Raises:
        DataError: no such folder, an LMDB or a raw image store, or no image in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f'no folder {folder}', where=folder, expected='a folder of images')
    if any((folder / name).is_file() for name in _DATABASE_FILES):
        raise DataError(
            f'{folder} is no folder of images: it is an LMDB or a raw image store',
            where=folder,
            expected='a folder of image files',
            remedy='name the folder of images that it was made of',
        )
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith('.')]
    images = [entry for entry in entries if entry.suffix.lower() in EXTENSIONS and entry.is_file()]
    if not images:
        folders = sorted(entry.name for entry in entries if entry.is_dir())
        others = f'{counted(len(entries), "file", "files")} of other kinds' if entries else 'an empty folder'
        raise DataError(
            f'no image in folder {folder}',
            where=folder,
            expected=f'files {some_of(sorted(EXTENSIONS))}',
            found=f'folders {some_of(folders)}' if folders else others,
            remedy='name one of these folders' if folders else None,
        )
    return sorted(images, key=lambda path: path.name)


def image_key(name: str) -> str:
    """Return ``name`` as the start of an LMDB key: dots become ``-``, since BasicSR ends a key at its first dot.

    Raises:
        DataError: ``name`` has other than printable ASCII characters, which BasicSR cannot look up.
    """
    if not (name.isascii() and name.isprintable()):
        raise DataError(
            f'the name {name!r} cannot be an LMDB key',
            expected='printable ASCII characters',
            found=name,
            remedy='rename the file',
        )
    return name.replace('.', '-')


def pyramid_prefix(key: str, factor: float) -> str:
    """Return the key prefix of an image shrunk by ``factor``: ClassSR's ``0.9_<image>``, its dot as in any key."""
    return key if factor == 1 else image_key(f'{factor:g}_') + key


def by_key(paths: Sequence[Path], template: str = '{}') -> Dict[str, Path]:
    """Return key -> file, in the order of ``paths``; ``template`` (as BasicSR's ``filename_tmpl``) shapes the stems.

    Raises:
        OptionError: ``template`` without exactly one ``{}``.
        DataError: two files with one key, stems that do not match ``template``, or names that cannot be keys.
    """
    before, after = _template_parts(template)
    found: Dict[str, Path] = {}
    others = []
    for path in paths:
        middle = path.stem[len(before) : len(path.stem) - len(after)]
        if not middle or before + middle + after != path.stem:
            others.append(path.name)
            continue
        key = image_key(middle)
        if key in found:
            raise DataError(
                f'{found[key]} and {path} would have the same key {key}',
                where=path.parent,
                remedy='rename or remove one of them',
            )
        found[key] = path
    if others:
        raise DataError(
            f'{counted(len(others), "file does", "files do")} not match the template {template}: {paths[0].parent}',
            where=paths[0].parent,
            found=some_of(others),
            remedy='fix the template, or move these files away',
        )
    return found


def pair_images(
    hr: Dict[str, Path], lr_paths: Sequence[Path], scale: int, template: Optional[str] = None
) -> Dict[str, Path]:
    """Return key -> LR file for every key of ``hr``.

    Without ``template`` (``{}`` stands for the key) an LR image is named ``<key>x<scale>`` or ``<key>``.

    Raises:
        DataError: HR images without LR, LR images without HR, or two LR images for one HR image.
    """
    templates = [template] if template else [f'{{}}x{scale}', '{}']
    parts = [_template_parts(each) for each in templates]
    stems: Dict[str, List[Path]] = {}
    for path in lr_paths:
        stems.setdefault(image_key(path.stem), []).append(path)
    pairs: Dict[str, Path] = {}
    without_lr = []
    for key, hr_path in hr.items():
        found = [path for before, after in parts for path in stems.pop(image_key(before) + key + image_key(after), [])]
        if len(found) > 1:
            raise DataError(
                f'{len(found)} LR images for {hr_path}',
                where=found[0].parent,
                found=some_of(path.name for path in found),
                remedy='keep one of them, or give --lr-template',
            )
        if found:
            pairs[key] = found[0]
        else:
            without_lr.append(hr_path.name)
    without_hr = [path.name for paths in stems.values() for path in paths]
    if without_lr or without_hr:
        counts = (
            [f'{counted(len(without_lr), "HR image has", "HR images have")} no LR image ({some_of(without_lr)})']
            if without_lr
            else []
        )
        counts += (
            [f'{counted(len(without_hr), "LR image has", "LR images have")} no HR image ({some_of(without_hr)})']
            if without_hr
            else []
        )
        raise DataError(
            'HR and LR images do not pair by name: ' + '; '.join(counts),
            where=lr_paths[0].parent,
            expected='LR named ' + ' or '.join(each.format('<name>') for each in templates),
            remedy='add or remove images, name the folders of --hr and --lr in the same order, or give --lr-template '
            '(such as {}x4)',
        )
    return pairs


def fingerprint(images: Dict[str, Path]) -> str:
    """Return the SHA-256 of key, file name, size and first 64 KiB of every image: quick, the same on any machine.

    Raises:
        DataError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for key in sorted(images):
        path = images[key]
        try:
            with open(path, 'rb') as stream:
                head = stream.read(_HEAD_BYTES)
            size = path.stat().st_size
        except OSError as error:
            raise DataError(f'image {path} cannot be read', where=path, found=error) from error
        digest.update(f'{key}\n{path.name}\n{size}\n{hashlib.sha256(head).hexdigest()}\n'.encode())
    return digest.hexdigest()


def _opencv_reads(path: Path) -> bool:
    try:
        import cv2
    except ImportError:
        return False
    return cv2.haveImageReader(str(path))


def _template_parts(template: str) -> List[str]:
    parts = template.split('{}')
    if len(parts) != 2 or '{' in ''.join(parts) or '}' in ''.join(parts):
        raise OptionError(
            f'the name template {template!r} must contain {{}} exactly once, and no other brace',
            expected='{}, {}x4, ...',
            found=template,
        )
    return parts
