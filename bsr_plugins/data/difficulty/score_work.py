"""The scores of what a difficulty file is made from, all of it or a shard, kept as they come and put together."""

from __future__ import annotations

import logging
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.shard import Shard
from bsr_plugins.common.shard_files import ShardedWork, make_shard, remove_shards, shard_path
from bsr_plugins.common.shown import shown
from bsr_plugins.data.difficulty.difficulty_file import DifficultyHeader, read_difficulty, write_difficulty
from bsr_plugins.data.difficulty.score_progress import ScoreProgress, read_shard, remove_leftover

_log = logging.getLogger(__name__)
Scored = Tuple[Sequence[str], np.ndarray]


class ScoredDifficulty(NamedTuple):
    """The difficulty file, its content, and what this call has done.

    Attributes:
        path: The file.
        header: Its header.
        keys: Of all sub-images.
        mse: That of each, (len(keys),) float64; empty where shards are missing.
        scored: How many this call scored; 0: they stood there already.
        missing: Numbers of the shards that are not finished; [] where the file is there.
    """

    path: Path
    header: DifficultyHeader
    keys: List[str]
    mse: np.ndarray
    scored: int
    missing: List[int]


class ScoreWork(NamedTuple):
    """What is scored.

    Attributes:
        path: The difficulty file.
        header: Its header.
        settings: Everything that the scores depend on, as JSON types.
        keys: Of all sub-images, sorted.
        units: Those of each batch or image, which are scored together.
        score: Scores the units at some places.
        progress: Show a bar on stderr.
    """

    path: Path
    header: DifficultyHeader
    settings: Dict[str, Any]
    keys: List[str]
    units: List[List[str]]
    score: Callable[[Sequence[int]], Iterator[Scored]]
    progress: bool


def score_all(work: ScoreWork) -> ScoredDifficulty:
    """Score all and write the difficulty file."""
    with _scored(work.path, range(len(work.units)), work) as (kept, scored):
        write_difficulty(work.path, kept.scores, work.header)
        kept.finish()
    remove_shards(work.path)
    ordered = sorted(kept.scores.items())
    mse = np.array([value for _, value in ordered])
    return ScoredDifficulty(work.path, work.header, [key for key, _ in ordered], mse, scored, [])


def score_shard(work: ScoreWork, shard: Shard) -> ScoredDifficulty:
    """Score one shard, and write the difficulty file where it was the last one to be finished.

    Raises:
        DataError: Another process scores the same shard.
    """
    places = {
        shard_path(work.path, each): each.of(range(len(work.units)))
        for each in (Shard(number, shard.total) for number in range(1, shard.total + 1))
    }

    def make(path: Path, _: Shard) -> int:
        if path.exists():
            _log.warning('%s is damaged or was scored with other settings, and will be replaced', shown(path))
        with _scored(path, places[path], work) as (kept, scored):
            kept.move_into_place()
        return scored

    def read(path: Path) -> Optional[Dict[str, float]]:
        return read_shard(path, work.settings, [work.units[place] for place in places[path]])

    def put_together(paths: List[Path]) -> None:
        write_difficulty(work.path, [pair for path in paths for pair in (read(path) or {}).items()], work.header)

    done = make_shard(
        work.path,
        shard,
        ShardedWork(
            lambda: _read_existing(work.path, work.header, work.keys, is_told=True) is not None,
            lambda path: read(path) is not None,
            make,
            put_together,
        ),
    )
    whole = None if done.missing else finished(work.path, work.header, work.keys, done.made)
    return whole or ScoredDifficulty(work.path, work.header, work.keys, np.empty(0), done.made, done.missing)


@contextmanager
def _scored(result: Path, places: Sequence[int], work: ScoreWork) -> Iterator[Tuple[ScoreProgress, int]]:
    """Score what is not scored yet at some places; yield what is kept beside ``result``, and how many it scored."""
    units = [work.units[place] for place in places]
    with closing(ScoreProgress(result, work.settings, units)) as kept:
        before = len(kept.scores)
        for unit, mse in _with_bar(work.score(places[kept.units_done :]), before, sum(map(len, units)), work.progress):
            kept.append(unit, mse)
        yield kept, len(kept.scores) - before


def finished(path: Path, header: DifficultyHeader, keys: List[str], scored: int = 0) -> Optional[ScoredDifficulty]:
    """Return the difficulty file where it is there; what earlier runs left is removed then."""
    there = _read_existing(path, header, keys)
    if there is None:
        return None
    remove_leftover(path)
    remove_shards(path)
    return ScoredDifficulty(path, header, *there, scored, [])


def _with_bar(parts: Iterator[Scored], before: int, total: int, progress: bool) -> Iterator[Scored]:
    from tqdm import tqdm

    with tqdm(
        total=total, initial=before, unit=' sub-images', desc='scoring', mininterval=0.5, disable=not progress
    ) as bar:
        for keys, mse in parts:
            yield keys, mse
            bar.update(len(keys))


def _read_existing(
    path: Path, header: DifficultyHeader, keys: List[str], is_told: bool = False
) -> Optional[Tuple[List[str], np.ndarray]]:
    """Return keys and MSE of the file where it is there and of these settings; else it is told why, once."""
    if not path.exists():
        return None
    warn = _log.debug if is_told else _log.warning
    try:
        there, scored, mse = read_difficulty(path)
    except DataError as error:
        warn('%s is damaged and will be made again: %s', shown(path), shown(error.problem))
        return None
    if there == header and (scored == keys or set(scored) == set(keys)):
        return scored, mse
    warn('%s was scored with other settings (%s) and will be replaced', shown(path), shown(there.line()))
    return None
