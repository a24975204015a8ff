"""The lists of a pair of LMDBs, or raw image stores, read once: how many keys pair, which do not, and some sizes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.common.evenly import evenly
from bsr_plugins.common.files import write_text
from bsr_plugins.common.made_once import made_once
from bsr_plugins.data.images.image_folders import Names
from bsr_plugins.data.images.key_blocks import KeyBlock, NotAscendingError, count_lines, key_blocks
from bsr_plugins.data.images.key_comparison import compare_keys
from bsr_plugins.data.images.name_lists import key_in, read_lines
from bsr_plugins.data.images.result_cache import cache_folder

Size = Tuple[int, int]  # height, width

# What is found of lists as long as these is kept, for the other processes of a run and for the next one.
_KEPT_BYTES = 1 << 23
_FORMAT = 1
_LINE = re.compile(r'([^.]*)\.\S* \((\d+),(\d+)')


@dataclasses.dataclass
class KeyedPairs:
    """What two lists hold.

    Attributes:
        both: The keys in both. alone: Those of the HR list alone, and of the LR list.
        sizes: Some keys of both, evenly over the list, and the sizes of their HR and LR image, where they are given.
        foreign: Of each list, the keys that are no ASCII text, or empty.
        blank: Of each list, the number of its first blank line.
    """

    both: Names
    alone: Tuple[Names, Names]
    sizes: Dict[str, List[Optional[Size]]]
    foreign: Tuple[Names, Names]
    blank: List[Optional[int]]


def read_keyed_pairs(gt_list: Path, lq_list: Optional[Path], samples: int) -> KeyedPairs:
    """Read the lists of an HR and an LR LMDB, in one pass each and a few megabytes at a time.

    Of long lists one process does, whatever number of them asks: what it found is kept in the cache folder until a list
    changes.

    Args:
        gt_list: ``meta_info.txt`` of the HR LMDB.
        lq_list: That of the LR LMDB; None: of the one list alone.
        samples: Pairs whose sizes are looked at.

    Raises:
        DataError: A list cannot be read, is not UTF-8 text, or has a name that leads out of the folder.
    """
    lists = [gt_list] if lq_list is None else [gt_list, lq_list]
    try:
        states = [os.stat(path) for path in lists]
        stamps = [[os.path.realpath(path), each.st_size, each.st_mtime_ns] for path, each in zip(lists, states)]
        kept = None if sum(each.st_size for each in states) < _KEPT_BYTES else cache_folder()
    except (OSError, RuntimeError):
        kept = None
    if kept is None:
        return _read(gt_list, lq_list, samples)
    text = json.dumps([_FORMAT, samples, stamps])
    path = kept / f'lists-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}.json'

    def load() -> Optional[KeyedPairs]:
        try:
            asked, found = json.loads(path.read_text(encoding='utf-8'))
            return _unpacked(found) if asked == json.loads(text) else None
        except (OSError, ValueError, TypeError, LookupError):
            return None

    def make(say: Any) -> KeyedPairs:
        say(f'{sum(each.st_size for each in states) >> 20} MB of names to read')
        found = _read(gt_list, lq_list, samples)
        try:
            write_text(path, json.dumps([json.loads(text), dataclasses.asdict(found)]))
        except OSError:  # read by each process then
            return found
        return found

    return made_once(path, 'the lists of names', load, make)


def size_in(line: str) -> Optional[Size]:
    """Return the size that a line of a list states."""
    match = _LINE.match(line)
    return (int(match.group(2)), int(match.group(3))) if match else None


def _read(gt_list: Path, lq_list: Optional[Path], samples: int) -> KeyedPairs:
    try:
        found = _in_step(gt_list, lq_list, samples, count_lines(gt_list))
        # Where not all pair, the samples lie elsewhere.
        return found or _in_step(gt_list, lq_list, samples, None) or _as_sets(gt_list, lq_list, samples)
    except NotAscendingError:
        return _as_sets(gt_list, lq_list, samples)


def _in_step(gt_list: Path, lq_list: Optional[Path], samples: int, count: Optional[int]) -> Optional[KeyedPairs]:
    if count is None:
        count = compare_keys(key_blocks(gt_list), key_blocks(lq_list) if lq_list else iter(())).both.count
    lists = [_Watched(gt_list), _Watched(lq_list)]
    found = compare_keys(lists[0], lists[1], list(evenly(count, samples)))
    if lq_list is not None and found.both.count != count:
        return None
    sizes = {key_in(lines[0]): list(map(size_in, lines)) for lines in found.lines.values()}
    return KeyedPairs(
        found.both, found.alone, sizes, (lists[0].foreign, lists[1].foreign), [each.blank for each in lists]
    )


def _as_sets(gt_list: Path, lq_list: Optional[Path], samples: int) -> KeyedPairs:
    """Of lists in any order, whose keys may stand twice: all of them in memory."""
    lines = [[] if path is None else read_lines(path, blank_lines=True) for path in (gt_list, lq_list)]
    by_key = [{key_in(line): line for line in each} for each in lines]
    both = [key for key in by_key[0] if key in by_key[1]]
    alone = [[key for key in one if key not in other] for one, other in (by_key, by_key[::-1])]
    watched = [_Watched(gt_list), _Watched(lq_list)]
    for each in watched:
        for _ in each:
            continue
    chosen = [both[number] for number in evenly(len(both), samples)]
    return KeyedPairs(
        _names(both),
        (_names(sorted(alone[0])), _names(sorted(alone[1]))),
        {key: [size_in(found[key]) for found in by_key] for key in chosen},
        (watched[0].foreign, watched[1].foreign),
        [each.blank for each in watched],
    )


class _Watched:
    """The blocks of a list, of which is noted on the way what BasicSR cannot look up."""

    def __init__(self, path: Optional[Path]) -> None:
        self.foreign = Names()
        self.blank: Optional[int] = None
        self._blocks: Iterator[KeyBlock] = iter(()) if path is None else key_blocks(path)

    def __iter__(self) -> Iterator[KeyBlock]:
        return self

    def __next__(self) -> KeyBlock:
        block = next(self._blocks)
        self.blank = block.blank if self.blank is None else self.blank
        table = block.keys.view(np.uint8).reshape(-1, block.keys.itemsize)
        self.foreign.add(block.keys[(table > 127).any(1) | (table[:, 0] == 0)])
        return block


def _names(names: Sequence[str]) -> Names:
    found = Names()
    found.add(np.array([name.encode('utf-8') for name in names[:100]], 'S') if names else np.empty(0, 'S1'))
    found.count = len(names)
    return found


def _unpacked(found: Dict[str, Any]) -> KeyedPairs:
    sizes = {
        key: [None if size is None else (size[0], size[1]) for size in pair] for key, pair in found['sizes'].items()
    }
    both, *rest = (Names(**each) for each in (found['both'], *found['alone'], *found['foreign']))
    return KeyedPairs(both, (rest[0], rest[1]), sizes, (rest[2], rest[3]), list(found['blank']))
