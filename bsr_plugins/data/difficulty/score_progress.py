"""Scores kept while scoring goes on, in a file beside the result: a killed run loses one unit of work at most."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike, flush_folder, naming
from bsr_plugins.common.shown import shown

_log = logging.getLogger(__name__)


class ScoreProgress:
    """The partial file ``<result>.partial``: one line of settings, then lines ``key mse``, appended by units.

    A unit is what one forward pass scores. Only whole units count after an interruption, so that every forward pass of
    the resumed run is one of the uninterrupted run and the results are the same bit for bit. The partial file of other
    settings (another scorer, batch, LMDB) is started over.

    Args:
        result: The file that the scores are for.
        settings: Everything that the scores depend on, as JSON types.
        units: Keys of each unit, in the order of scoring.

    Raises:
        DataError: Another process is scoring for the same file.
    """

    def __init__(self, result: PathLike, settings: Mapping[str, Any], units: Sequence[Sequence[str]]) -> None:
        self._result = Path(result)
        self.path = _partial_path(result)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.scores: Dict[str, float] = {}
        self.units_done = 0
        self._file: IO[bytes] = open(self.path, 'a+b')  # noqa: SIM115  closed by close()
        try:
            _lock(self._file, self.path)
            self._resume(_header(settings), units)
        except BaseException:
            self.close()
            raise

    def append(self, keys: Sequence[str], mse: np.ndarray) -> None:
        """Keep the scores of one unit.

        Raises:
            DataError: A score is not finite: the scorer gives NaN or infinity on that sub-image.
        """
        wrong = ~np.isfinite(mse)
        if wrong.any():
            key = keys[int(wrong.argmax())]
            raise DataError(
                f'The score of {key!r} is not finite',
                where=key,
                found=float(mse[wrong][0]),
                remedy='the weights of the scorer are damaged, or their training diverged: use other weights',
            )
        pairs = list(zip(keys, mse.tolist()))
        with naming(self.path):
            self._file.write(''.join(f'{key} {value!r}\n' for key, value in pairs).encode('utf-8'))
            self._file.flush()
        self.scores.update(pairs)
        self.units_done += 1

    def finish(self) -> None:
        """Remove the partial file: its scores stand in the result."""
        _unlink(self.path)
        self.close()

    def move_into_place(self) -> None:
        """Make the partial file, which has all units, the result itself: a shard, read by :func:`read_shard`."""
        with naming(self.path):
            os.fsync(self._file.fileno())
        os.replace(self.path, self._result)
        flush_folder(self.path.parent)
        self.close()

    def close(self) -> None:
        """Close the partial file; it stays on disk."""
        # What a full disk has not taken is tried once more.
        with naming(self.path):
            self._file.close()

    def _resume(self, header: bytes, units: Sequence[Sequence[str]]) -> None:
        self._file.seek(0)
        first = self._file.readline()
        good = 0
        if first == header:
            good = len(first)
            for pairs, size in _whole_units(self._file, units):
                self.scores.update(pairs)
                self.units_done += 1
                good += size
        elif first:
            _log.warning('%s was made with other settings; starting over', shown(self.path))
        with naming(self.path):
            self._begin(header, good)

    def _begin(self, header: bytes, good: int) -> None:
        self._file.truncate(good)
        self._file.seek(0, os.SEEK_END)
        if not good:
            self._file.write(header)
            self._file.flush()


def read_shard(
    path: PathLike, settings: Mapping[str, Any], units: Sequence[Sequence[str]]
) -> Optional[Dict[str, float]]:
    """Return the scores of a finished shard; None where it is missing, damaged, or of other settings or units."""
    try:
        with open(path, 'rb') as file:
            if file.readline() != _header(settings):
                return None
            found = [pairs for pairs, _ in _whole_units(file, units)]
            if len(found) < len(units) or file.read(1):
                return None
    except OSError:
        return None
    return dict(pair for pairs in found for pair in pairs)


def remove_leftover(result: PathLike) -> None:
    """Remove the partial file of a run that was killed right after it had written ``result``."""
    _unlink(_partial_path(result))


def split_units(keys: Sequence[str], size: int) -> List[List[str]]:
    """Return ``keys`` in lists of ``size``, the last one shorter."""
    return [list(keys[start : start + size]) for start in range(0, len(keys), size)]


def _partial_path(result: PathLike) -> Path:
    return Path(f'{os.fspath(result)}.partial')


def _header(settings: Mapping[str, Any]) -> bytes:
    return ('# ' + json.dumps(settings, sort_keys=True) + '\n').encode('utf-8')


def _whole_units(file: IO[bytes], units: Sequence[Sequence[str]]) -> Iterator[Tuple[List[Tuple[str, float]], int]]:
    """Yield the scores of each unit and its bytes, up to the first line that is torn or not the expected one."""
    for keys in units:
        pairs, size = [], 0
        for key in keys:
            line = file.readline()
            pair = _parse(line, key)
            if pair is None:
                return
            size += len(line)
            pairs.append(pair)
        yield pairs, size


def _unlink(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _parse(line: bytes, key: str) -> Optional[Tuple[str, float]]:
    prefix = key.encode('utf-8') + b' '
    if not line.endswith(b'\n') or not line.startswith(prefix):
        return None
    with contextlib.suppress(ValueError):
        value = float(line[len(prefix) :])
        if np.isfinite(value):
            return key, value
    return None


def _lock(file: IO[bytes], path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on Windows; two runs at once are then the user's to avoid
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise DataError(
            'Another process is scoring for the same difficulty file',
            where=path,
            remedy='wait for it, or give another --out',
        ) from None
