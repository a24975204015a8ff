"""The keys and scores of a pair of LMDBs as flat arrays, read in step without a Python object for each."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.difficulty import difficulty_file as scores
from bsr_plugins.data.difficulty.lmdb_pair import check_manifests, read_pair_difficulty
from bsr_plugins.data.images.data_roots import DataRoot
from bsr_plugins.data.images.key_blocks import (
    NotAscendingError,
    ascending,
    byte_blocks,
    key_blocks,
    plain_lines,
    texts,
)
from bsr_plugins.data.images.key_comparison import Cursor
from bsr_plugins.data.subimages.lmdb_manifest import META_INFO

_DIGITS = np.zeros(256, bool)
_DIGITS[list(b'0123456789.e+-\0')] = True


class ScoredKeys(NamedTuple):
    """The sub-images of one root, in the order of its difficulty file.

    Attributes:
        text: All keys, one behind the other, uint8.
        lengths: (N,) bytes of each.
        mse: (N,) float64.
        rank: (N,) place of each key in ascending order; None where they stand in it.
        header: Of the difficulty file.
    """

    text: np.ndarray
    lengths: np.ndarray
    mse: np.ndarray
    rank: Optional[np.ndarray]
    header: scores.DifficultyHeader


def read_scored_keys(root: DataRoot, scale: int, gt_size: Optional[int]) -> ScoredKeys:
    """Return the keys and scores of a pair of LMDBs, once all that can be checked of them fits.

    Lists that the pack writes are read in one pass, all three in step. Where they stand in another order, or hold
    anything else, they are read as :func:`bsr_plugins.data.difficulty.lmdb_pair.read_pair_difficulty` does, which names
    what is wrong.

    Raises:
        DataError: See there.
        OptionError: See there.
    """
    path = scores.difficulty_path(root.gt, scale) if root.difficulty is None else Path(root.difficulty)
    try:
        found = _in_step(root, path)
    except (NotAscendingError, OSError, DataError):
        found = None
    if found is None:
        keys, mse = read_pair_difficulty(root.gt, root.lq, scale, gt_size, root.difficulty)
        coded = [key.encode('ascii') for key in keys]
        rank = np.empty(len(keys), np.int64)
        rank[np.argsort(np.array(coded), kind='stable')] = np.arange(len(keys))
        text = np.frombuffer(b''.join(coded), np.uint8)
        return ScoredKeys(text, np.array([len(key) for key in coded]), mse, rank, scores.read_header(path))
    check_manifests(root.gt, root.lq, scale, gt_size)
    remedy = scores.scoring_command(root.gt, root.lq, scale, None if root.difficulty is None else path)
    scores.check_scale(found.header, scale, path, remedy=remedy)
    scores.check_fresh(found.header, root.gt, path=path, remedy=remedy)
    return found


def read_scores(path: PathLike, *, remedy: Optional[str] = None) -> Tuple[scores.DifficultyHeader, np.ndarray]:
    """Return the header of a difficulty file and the MSE of each sub-image, float64 (N,), as ``read_difficulty``.

    Raises:
        DataError: See :func:`bsr_plugins.data.difficulty.difficulty_file.read_difficulty`.
    """
    with contextlib.suppress(NotAscendingError, OSError, ValueError):  # what is wrong is named below
        header = scores.read_header(path)
        keys, values = zip(*_score_blocks(path))
        for _ in ascending(keys):  # so that none stands twice
            continue
        mse = np.concatenate(values)
        if len(mse) == header.sub_images and (np.isfinite(mse) & (mse >= 0)).all():
            return header, mse
    header, _, mse = scores.read_difficulty(path, remedy=remedy)
    return header, mse


def _in_step(root: DataRoot, path: PathLike) -> Optional[ScoredKeys]:
    header = scores.read_header(path)
    lists = [Cursor(key_blocks(Path(folder, META_INFO))) for folder in (root.gt, root.lq)]
    parts: List[Tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for keys, values in _score_blocks(path):
        for listed in lists:
            theirs = listed.take(len(keys))
            if len(theirs) != len(keys) or not (theirs == keys).all():
                return None
        table = keys.view(np.uint8).reshape(len(keys), -1)
        written = table != 0
        parts.append((table[written], written.sum(1, dtype=np.uint16), values))
    if not parts or not all(listed.ended for listed in lists):
        return None
    text, lengths, mse = map(np.concatenate, zip(*parts))
    if len(mse) != header.sub_images or not lengths.all() or not (np.isfinite(mse) & (mse >= 0)).all():
        return None
    return ScoredKeys(text, lengths, mse, None, header)


class _OddError(NotAscendingError):
    """A line of a difficulty file is not plainly a key and a number."""


def _score_blocks(path: PathLike) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
    is_first = True
    for content in byte_blocks(path):
        if not content.endswith(b'\n'):
            raise _OddError
        if is_first:
            content, is_first = content.partition(b'\n')[2], False
        if not content:
            continue
        lines = plain_lines(content)
        if lines is None:
            raise _OddError
        buffer, starts, ends = lines
        blanks = np.flatnonzero(buffer == ord(' '))
        which = np.searchsorted(blanks, ends) - 1
        if not len(blanks) or which[0] < 0 or (blanks[which] <= starts).any():
            raise _OddError
        keys, numbers = texts(buffer, starts, blanks[which]), texts(buffer, blanks[which] + 1, ends)
        if keys is None or numbers is None or not _DIGITS[numbers.view(np.uint8)].all():
            raise _OddError
        try:
            yield keys, numbers.astype(np.float64)
        except ValueError:
            raise _OddError from None
