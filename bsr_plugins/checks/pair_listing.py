"""The image pairs that a data set will list, and their sizes from the files' first bytes: nothing is decoded."""

from __future__ import annotations

import contextlib
import os
import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Tuple

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.evenly import evenly
from bsr_plugins.data.images.data_roots import each_root
from bsr_plugins.data.images.declared_size import declared_size
from bsr_plugins.data.images.image_folders import some_of, stray_files
from bsr_plugins.data.images.image_store import is_keyed
from bsr_plugins.data.images.name_lists import files_in, key_in, name_in, read_lines
from bsr_plugins.data.images.orientation import orientation
from bsr_plugins.data.images.shared_options import FILENAME_TMPL, names_images
from bsr_plugins.data.subimages.lmdb_manifest import META_INFO

if TYPE_CHECKING:
    from bsr_plugins.checks.keyed_listing import KeyedPairs

Size = Tuple[int, int]  # height, width

#: Pairs of a data set whose sizes the check looks at, unless all are asked for.
SAMPLED = 64

_listed_once: ContextVar[Optional[Dict[str, Any]]] = ContextVar('listed_once', default=None)
_HEAD_BYTES = 1 << 16
# The frame of a JPEG stands behind its colour profile and its preview.
_JPEG_HEAD_BYTES = 1 << 20
_LMDB_LINE = re.compile(r'([^.]*)\.\S* \((\d+),(\d+)')


@dataclass
class PairList:
    """What a pair of folders holds.

    Attributes:
        folders: ``gt`` and ``lq``; names: as the option file writes them.
        pairs: HR name -> LR name, for those of which both are there.
        alone_gt, alone_lq: Names of images without their counterpart.
    """

    folders: Dict[str, Path]
    names: Dict[str, str]
    pairs: Dict[str, str] = field(default_factory=dict)
    alone_gt: List[str] = field(default_factory=list)
    alone_lq: List[str] = field(default_factory=list)
    is_lmdb = False

    @property
    def count(self) -> int:
        """How many pairs there are."""
        return len(self.pairs)

    def alone(self, which: str) -> Tuple[int, str]:
        """Return how many images have no counterpart, and the names of the first few."""
        names = sorted(self.alone_gt if which == 'gt' else self.alone_lq)
        return len(names), some_of(names)

    def some(self, count: Optional[int]) -> Iterator[Tuple[str, str]]:
        """Yield up to ``count`` pairs, evenly over the list; all of them where it is None."""
        names = list(self.pairs)
        return ((names[number], self.pairs[names[number]]) for number in evenly(len(names), count))

    def size(self, which: str, name: str) -> Optional[Size]:
        """Return the size of an image as OpenCV reads it, None where it is not known."""
        return image_size(self.folders[which] / name)

    def path(self, which: str, name: str) -> str:
        """Return the path of an image, or its LMDB and key."""
        return str(self.folders[which] / name)

    def place(self, which: str, name: str) -> str:
        """Return how a message names an image."""
        return str(Path(self.names[which]) / name)


class KeyedPairList(PairList):
    """What a pair of LMDBs holds, as their lists say; all keys are looked up only where all are asked for.

    Attributes:
        found: What was found in one pass.
    """

    is_lmdb = True

    def __init__(self, folders: Dict[str, Path], names: Dict[str, str], found: KeyedPairs) -> None:
        self.folders, self.names, self.found = folders, names, found
        self._all: Optional[Dict[str, Dict[str, Size]]] = None

    @property
    def pairs(self) -> Dict[str, str]:  # type: ignore[override]
        """Key -> key, all of them."""
        gt, lq = self._sizes['gt'], self._sizes['lq']
        return {key: key for key in gt if key in lq}

    @property
    def alone_gt(self) -> List[str]:  # type: ignore[override]
        """The keys of the HR LMDB alone."""
        return [key for key in self._sizes['gt'] if key not in self._sizes['lq']]

    @property
    def alone_lq(self) -> List[str]:  # type: ignore[override]
        """The keys of the LR LMDB alone."""
        return [key for key in self._sizes['lq'] if key not in self._sizes['gt']]

    @property
    def count(self) -> int:
        return self.found.both.count

    def alone(self, which: str) -> Tuple[int, str]:
        names = self.found.alone[which != 'gt']
        return names.count, names.text

    def some(self, count: Optional[int]) -> Iterator[Tuple[str, str]]:
        if count is None:
            return super().some(count)
        return ((key, key) for key in self.found.sizes)

    def size(self, which: str, name: str) -> Optional[Size]:
        if name in self.found.sizes:
            return self.found.sizes[name][which != 'gt']
        size = self._sizes[which].get(name)
        return None if size == (0, 0) else size

    def path(self, which: str, name: str) -> str:
        return f'{self.folders[which]}: {name}'

    def place(self, which: str, name: str) -> str:
        return f'{self.names[which]}: {name}'

    @property
    def _sizes(self) -> Dict[str, Dict[str, Size]]:
        if self._all is None:
            self._all = {which: lmdb_sizes(folder) or {} for which, folder in self.folders.items()}
        return self._all


@contextlib.contextmanager
def listing_once() -> Iterator[None]:
    """Let what is listed in the block be listed once, though several checks ask for it."""
    token = _listed_once.set({})
    try:
        yield
    finally:
        _listed_once.reset(token)


def pair_lists(options: Mapping[str, Any], root: Path) -> List[PairList]:
    """Return :func:`list_pairs` of each root of a data set, of those that are there."""
    found = [list_pairs(each, root) for each in each_root(options)]
    return [pairs for pairs in found if pairs is not None]


def list_pairs(options: Mapping[str, Any], root: Path) -> Optional[PairList]:
    """Return the pairs of a data set with the options of PairedImageDataset; None where its folders are not there.

    As BasicSR lists them: every file that is not hidden, LR names by ``filename_tmpl``, or the lines of
    ``meta_info_file``, or the keys of the LMDBs' ``meta_info.txt``. What is no image is left out.
    """
    given = {which: options.get(f'dataroot_{which}') for which in ('gt', 'lq')}
    names = {which: path for which, path in given.items() if isinstance(path, str)}
    if len(names) < len(given):
        return None
    known, key = _listed_once.get(), str([names, options.get('meta_info_file'), options.get('filename_tmpl'), root])
    if known is None:
        return _pairs(options, root, names)
    if key not in known:
        known[key] = _pairs(options, root, names)
    return known[key]


def _pairs(options: Mapping[str, Any], root: Path, names: Dict[str, str]) -> Optional[PairList]:
    folders = {which: root / Path(path).expanduser() for which, path in names.items()}
    if is_keyed(names['gt']):
        keyed = keyed_pairs(folders['gt'], folders['lq'])
        return None if keyed is None else KeyedPairList(folders, names, keyed)
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
    found = PairList(folders, names)
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


def keyed_pairs(gt: Path, lq: Optional[Path]) -> Optional[KeyedPairs]:
    """Return what the lists of two LMDBs hold, or of one; None where one is not there or damaged."""
    lists = [folder / META_INFO for folder in (gt, lq) if folder is not None]
    if not all(each.is_file() for each in lists):
        return None
    from bsr_plugins.checks.keyed_listing import read_keyed_pairs  # numpy

    known, key = _listed_once.get(), f'{gt}\n{lq}'
    if known is not None and key in known:
        return known[key]
    try:
        found = read_keyed_pairs(gt / META_INFO, None if lq is None else lq / META_INFO, SAMPLED)
    except DataError:  # said by the check of what is listed
        found = None
    if known is not None:
        known[key] = found
    return found


def read_list(folder: Path) -> KeyedPairs:
    """Return what the list of one LMDB holds.

    Raises:
        DataError: It cannot be read, is not UTF-8 text, or has a name that leads out of the folder.
    """
    from bsr_plugins.checks.keyed_listing import read_keyed_pairs  # numpy

    return read_keyed_pairs(folder / META_INFO, None, SAMPLED)


def key_count(options: Mapping[str, Any], root: Path) -> Optional[int]:
    """Return how many keys the HR LMDB of a data set's root lists; None where its list is not there or damaged."""
    folders = [root / Path(str(options.get(key))).expanduser() for key in ('dataroot_gt', 'dataroot_lq')]
    found = keyed_pairs(*folders) or keyed_pairs(folders[0], None)
    return None if found is None else found.both.count + found.alone[0].count


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


def _listed(path: Path) -> List[str]:
    return [name_in(line) for line in read_lines(path)]
