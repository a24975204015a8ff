"""The image pairs that a data set will list, and their sizes from the files' first bytes: nothing is decoded."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from bsr_plugins.checks.listing_checks import stray_files
from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.declared_size import declared_size
from bsr_plugins.data.images.image_store import is_keyed
from bsr_plugins.data.images.name_lists import files_in, key_in, name_in, read_lines
from bsr_plugins.data.images.orientation import orientation
from bsr_plugins.data.images.shared_options import FILENAME_TMPL, names_images
from bsr_plugins.data.subimages.lmdb_manifest import META_INFO

Size = Tuple[int, int]  # height, width

_HEAD_BYTES = 1 << 16
# The frame of a JPEG stands behind its colour profile and its preview.
_JPEG_HEAD_BYTES = 1 << 20
_LMDB_LINE = re.compile(r'([^.]*)\.\S* \((\d+),(\d+)')


@dataclass
class PairList:
    """What a pair of folders or LMDBs holds.

    Attributes:
        pairs: HR name -> LR name, for those of which both are there.
        alone_gt, alone_lq: Names of images without their counterpart.
        folders: ``gt`` and ``lq``; names: as the option file writes them.
        sizes: ``(folder, key)`` -> size, where a list states it (LMDBs).
        is_lmdb: Whether they are LMDBs.
    """

    folders: Dict[str, Path]
    names: Dict[str, str]
    is_lmdb: bool
    pairs: Dict[str, str] = field(default_factory=dict)
    alone_gt: List[str] = field(default_factory=list)
    alone_lq: List[str] = field(default_factory=list)
    sizes: Dict[Tuple[str, str], Size] = field(default_factory=dict)

    def size(self, which: str, name: str) -> Optional[Size]:
        """Return the size of an image as OpenCV reads it, None where it is not known."""
        return self.sizes.get((which, name)) if self.is_lmdb else image_size(self.folders[which] / name)

    def path(self, which: str, name: str) -> str:
        """Return the path of an image, or its LMDB and key."""
        return f'{self.folders[which]}: {name}' if self.is_lmdb else str(self.folders[which] / name)

    def place(self, which: str, name: str) -> str:
        """Return how a message names an image."""
        return f'{self.names[which]}: {name}' if self.is_lmdb else str(Path(self.names[which]) / name)


def list_pairs(options: Mapping[str, Any], root: Path) -> Optional[PairList]:
    """Return the pairs of a data set with the options of PairedImageDataset; None where its folders are not there.

    As BasicSR lists them: every file that is not hidden, LR names by ``filename_tmpl``, or the lines of
    ``meta_info_file``, or the keys of the LMDBs' ``meta_info.txt``. What is no image is left out.
    """
    given = {which: options.get(f'dataroot_{which}') for which in ('gt', 'lq')}
    names = {which: path for which, path in given.items() if isinstance(path, str)}
    if len(names) < len(given):
        return None
    folders = {which: root / Path(path).expanduser() for which, path in names.items()}
    if is_keyed(names['gt']):
        return _lmdb_pairs(folders, names)
    if not all(folder.is_dir() for folder in folders.values()):
        return None
    listed = options.get('meta_info_file')
    template = str(options.get('filename_tmpl') or FILENAME_TMPL.default)
    try:
        lq_names = set(files_in(folders['lq']))
        gt_names = files_in(folders['gt']) if listed is None else _listed(root / Path(str(listed)).expanduser())
    except DataError:  # said by the check of what is listed
        return None
    if not names_images(template):
        return None
    found = PairList(folders, names, False)
    for name in gt_names:
        stem, ending = os.path.splitext(os.path.basename(name))
        lq_name = template.format(stem) + ending
        there = lq_name in lq_names and (listed is None or (folders['gt'] / name).is_file())
        if there:
            found.pairs[name] = lq_name
        elif listed is None:
            found.alone_gt.append(name)
    if listed is None:
        found.alone_lq = sorted(lq_names - set(found.pairs.values()))
        for which, alone in (('gt', found.alone_gt), ('lq', found.alone_lq)):
            strays = set(stray_files(folders[which], alone))
            alone[:] = [name for name in alone if name not in strays]
    return found


def image_size(path: Path) -> Optional[Size]:
    """Return (height, width) of a PNG, JPEG or BMP from its header, as OpenCV reads it by its orientation tag.

    None for other formats and damaged headers.
    """
    try:
        with open(path, 'rb') as stream:
            content = stream.read(_HEAD_BYTES)
            if content[:3] == b'\xff\xd8\xff':
                content += stream.read(_JPEG_HEAD_BYTES - _HEAD_BYTES)
    except OSError:
        return None
    declared = declared_size(content)
    if declared is None:
        return None
    return (declared.width, declared.height) if orientation(content) > 4 else (declared.height, declared.width)


def spread(names: List[str], count: Optional[int]) -> Iterator[str]:
    """Yield up to ``count`` names, evenly over the list; all of them where it is None."""
    step = 1 if count is None else max(1, len(names) / count)
    index = 0.0
    while int(index) < len(names):
        yield names[int(index)]
        index += step


def lmdb_sizes(folder: Path) -> Optional[Dict[str, Size]]:
    """Return key -> size of an LMDB in BasicSR's format, from its ``meta_info.txt``; None where there is none."""
    try:
        lines = read_lines(folder / META_INFO, blank_lines=True)
    except DataError:
        return None
    found = [(_LMDB_LINE.match(line), line) for line in lines]
    return {
        match.group(1) if match else key_in(line): (int(match.group(2)), int(match.group(3))) if match else (0, 0)
        for match, line in found
    }


def _lmdb_pairs(folders: Dict[str, Path], names: Dict[str, str]) -> Optional[PairList]:
    stored = {which: lmdb_sizes(folder) for which, folder in folders.items()}
    gt, lq = stored['gt'], stored['lq']
    if gt is None or lq is None:
        return None
    return PairList(
        folders,
        names,
        True,
        {key: key for key in gt if key in lq},
        [key for key in gt if key not in lq],
        [key for key in lq if key not in gt],
        {(which, key): size for which in ('gt', 'lq') for key, size in (stored[which] or {}).items() if size != (0, 0)},
    )


def _listed(path: Path) -> List[str]:
    return [name_in(line) for line in read_lines(path)]
