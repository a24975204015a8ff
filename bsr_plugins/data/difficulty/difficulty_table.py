"""The difficulty classes of a training set as flat arrays in a file, made once and mapped by every rank and worker.

The file lies beside the difficulty file, ``difficulty_x4.<hash>.table``, one for each choice of classes and LMDBs. It
holds the keys and the order in which :class:`bsr_plugins.data.sampling.class_draws.ClassDraws` draws them; the lists of
names and the difficulty file are read again only where one of them has changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set

import numpy as np

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.made_once import made_once
from bsr_plugins.common.shown import shown
from bsr_plugins.data.difficulty.difficulty_file import difficulty_path
from bsr_plugins.data.difficulty.flat_file import FlatFileError, map_flat, read_note, write_flat
from bsr_plugins.data.difficulty.lmdb_pair import check_manifests
from bsr_plugins.data.difficulty.score_arrays import ScoredKeys, read_scored_keys
from bsr_plugins.data.images.data_roots import DataRoot
from bsr_plugins.data.images.result_cache import FOLDER_VARIABLE, cache_folder
from bsr_plugins.data.subimages.lmdb_manifest import META_INFO

#: Takes the scores of all roots, and what breaks ties; returns the class of each item and the thresholds.
Rank = Callable[[np.ndarray, np.ndarray], Any]

_FORMAT = 2
# Of an LMDB: what tells that it was made anew.
_FILES = ('manifest.json', 'data.mdb', 'store.json', META_INFO)
_AGREE = ('scorer', 'scale', 'space', 'border')

_log = logging.getLogger('basicsr')
_said: Set[str] = set()


class Policy(NamedTuple):
    """What the classes depend on besides the data."""

    scale: int
    num_classes: int
    imbalance_factor: float


class DifficultyTable:
    """Sub-images of one or several roots, by number: root after root, in each the order of its difficulty file.

    Pickled into a worker it is the path of its file, which is mapped there; only without a file it is the arrays.

    Attributes:
        class_index: (N,) class of each sub-image, 0 = easiest.
        members: (N,) uint32 sub-images sorted by class, in a class by their number.
        counts: (K,) int64 sub-images of each class. thresholds: (K,) float64 t_k of Eq. 3.
        path: The file; None where there is none.
    """

    def __init__(self, arrays: Dict[str, np.ndarray], path: Optional[Path] = None, key: Optional[Any] = None) -> None:
        self._arrays, self.path, self._key = arrays, path, key
        self.class_index, self.members = arrays['class_index'], arrays['members']
        self.counts, self.thresholds = np.array(arrays['counts']), np.array(arrays['thresholds'])
        self._text, self._ends = arrays['text'], arrays['ends']
        self._root_ends = np.array(arrays['root_ends'])

    def __len__(self) -> int:
        return len(self.members)

    def key(self, number: int) -> str:
        """Return the key of a sub-image in its LMDBs."""
        begin = int(self._ends[number - 1]) if number else 0
        return self._text[begin : int(self._ends[number])].tobytes().decode('ascii')

    def root(self, number: int) -> int:
        """Return the root that a sub-image is of, from 0."""
        return int(np.searchsorted(self._root_ends, number, side='right'))

    def __reduce__(self) -> tuple:
        if self.path is not None:
            return _reopen, (os.fspath(self.path), self._key)
        return DifficultyTable, ({name: np.array(array) for name, array in self._arrays.items()},)


def open_difficulty_table(
    roots: Sequence[DataRoot],
    policy: Policy,
    gt_size: Optional[int],
    rank: Rank,
    check_maps: Callable[[DataRoot], None],
) -> DifficultyTable:
    """Return the table of a data set; where there is none, or one of other data, one process makes it, the others wait.

    It is written beside the difficulty file, where that folder cannot be written into the cache folder, and where that
    cannot either it is kept in memory; then a line says so.

    Args:
        roots: The LMDBs, their difficulty files and their saliency maps.
        policy: Scale, number of classes, imbalance factor.
        gt_size: Side of the HR crop that is wanted, None for the whole sub-image.
        rank: Gives each sub-image its class.
        check_maps: Checks that each sub-image of a root has a saliency map, where the root has maps.

    Raises:
        DataError: LMDBs or difficulty files are missing, stale, of another scale, do not fit, or were not scored alike.
        OptionError: ``gt_size`` is larger than the sub-images, or the classes cannot be made.
    """
    for root in roots:
        check_manifests(root.gt, root.lq, policy.scale, gt_size)
    scores = [root.difficulty or os.fspath(difficulty_path(root.gt, policy.scale)) for root in roots]
    key = _key(roots, scores, policy)
    places = _places(roots, scores, policy)

    def load() -> Optional[DifficultyTable]:
        return next((table for table in (_load(path, key) for path in places) if table is not None), None)

    def make(say: Callable[[str], None]) -> DifficultyTable:
        say(f'{sum(map(os.path.getsize, scores)) >> 20} MB of difficulty to read')
        arrays = _arrays(roots, policy, gt_size, rank, check_maps)
        for path in places:
            try:
                write_flat(path, {'key': key}, arrays)
            except OSError as error:
                _say_once(f'The table of difficulty classes cannot be written to {shown(path)} ({shown(error)}).')
                continue
            table = _load(path, key, verify=False)
            if table is not None:
                return table
        _log.warning(
            'The difficulty classes are kept in memory, and made in every process. Set %s to a folder that can be '
            'written.',
            FOLDER_VARIABLE,
        )
        return DifficultyTable(arrays)

    if key is None:
        # Something is missing: said by what reads it.
        return DifficultyTable(_arrays(roots, policy, gt_size, rank, check_maps))
    lock = next((path for path in places if os.access(path.parent, os.W_OK)), places[-1])
    return made_once(lock, 'the table of difficulty classes', load, make)


def _arrays(
    roots: Sequence[DataRoot],
    policy: Policy,
    gt_size: Optional[int],
    rank: Rank,
    check_maps: Callable[[DataRoot], None],
) -> Dict[str, np.ndarray]:
    parts = [read_scored_keys(root, policy.scale, gt_size) for root in roots]
    _check_alike(roots, parts)
    root_ends = np.cumsum([len(part.mse) for part in parts])
    ends = np.cumsum(np.concatenate([part.lengths for part in parts]), dtype=np.int64)
    text = np.concatenate([part.text for part in parts])
    ties = np.concatenate(
        [
            end - len(part.mse) + (np.arange(len(part.mse)) if part.rank is None else part.rank)
            for end, part in zip(root_ends, parts)
        ]
    )
    class_index, thresholds = rank(np.concatenate([part.mse for part in parts]), ties)
    narrow = np.uint16 if len(thresholds) <= 1 << 16 else np.uint32
    arrays = {
        'text': text,
        'ends': ends.astype(np.uint32) if len(text) < 1 << 32 else ends,
        'members': np.argsort(class_index.astype(narrow), kind='stable').astype(np.uint32),
        'class_index': class_index.astype(narrow),
        'counts': np.bincount(class_index),
        'thresholds': thresholds,
        'root_ends': root_ends,
    }
    for root in roots:
        check_maps(root)
    return arrays


def _check_alike(roots: Sequence[DataRoot], parts: Sequence[ScoredKeys]) -> None:
    """Scores by another network, or of other pixels, have no common order."""
    for root, part in zip(roots[1:], parts[1:]):
        for name in _AGREE:
            values = [getattr(each.header, name) for each in (parts[0], part)]
            if values[0] != values[1]:
                raise DataError(
                    'The difficulty files of the data roots were not scored alike, so that their sub-images cannot be '
                    'ranked together',
                    where=f'{roots[0].gt} and {root.gt}',
                    expected=f'one {name} for all: {values[0]}',
                    found=f'{name}={values[1]}',
                    remedy=f'score each of the LMDBs by {command("score")} with the same options',
                )


def _key(roots: Sequence[DataRoot], scores: Sequence[str], policy: Policy) -> Optional[Any]:
    """Return what tells that a table is of these files as they are; None where one is missing."""
    files: List[Any] = []
    for root, score in zip(roots, scores):
        folders = [root.gt, root.lq, *([] if root.saliency is None else [os.path.expanduser(root.saliency)])]
        for path in [score, *(os.path.join(folder, name) for folder in folders for name in _FILES)]:
            try:
                status = os.stat(path)
            except OSError:
                if path == score or path.endswith(META_INFO):
                    return None
                files.append(None)
            else:
                # The last by itself notices an edit that sets the time of change back.
                files.append([status.st_size, status.st_mtime_ns, status.st_ctime_ns])
    return [_FORMAT, list(policy), files]


def _places(roots: Sequence[DataRoot], scores: Sequence[str], policy: Policy) -> List[Path]:
    first = Path(scores[0]).absolute()
    relative = [
        [None if path is None else os.path.relpath(os.path.expanduser(path), first.parent) for path in (*root, score)]
        for root, score in zip(roots, scores)
    ]
    name = f'{first.stem}.{_hashed([list(policy), relative])}.table'
    try:
        return [first.parent / name, cache_folder() / f'{_hashed(os.fspath(first.parent))}-{name}']
    except RuntimeError:  # the user has no home folder
        return [first.parent / name]


def _hashed(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=4).hexdigest()


def _load(path: Path, key: Optional[Any], verify: bool = True) -> Optional[DifficultyTable]:
    try:
        if not path.is_file():
            return None
        if read_note(path).get('key') != key:
            _say_once(f'{shown(path)} is of LMDBs or difficulty files that have changed since: it is made again.')
            return None
        return DifficultyTable(map_flat(path, verify), path, key)
    except (FlatFileError, OSError, KeyError, AttributeError) as error:
        _say_once(f'{shown(path)} cannot be used ({shown(error)}): it is made again.')
        return None


def _reopen(path: str, key: Any) -> DifficultyTable:
    table = _load(Path(path), key, verify=False)
    if table is None:
        raise DataError(
            'The table of difficulty classes was replaced while the training ran',
            where=path,
            expected='the LMDBs and the difficulty files that it was made of',
            remedy='leave them as they are during a run, and start it again with --auto_resume',
        )
    return table


def _say_once(line: str) -> None:
    if line not in _said:
        _said.add(line)
        _log.warning(line)
