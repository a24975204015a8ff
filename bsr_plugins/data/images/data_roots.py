"""Several data roots in one data set: DF2K is DIV2K and Flickr2K, each in a folder, or a pair of LMDBs, of its own."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.shown import counted

#: The options of a data set that may be lists, all of one length.
ROOT_KEYS = ('dataroot_gt', 'dataroot_lq', 'difficulty', 'saliency')


class DataRoot(NamedTuple):
    """One of a data set's roots: where its HR and LR images are, its difficulty file, and its saliency maps."""

    gt: str
    lq: str
    difficulty: Optional[str]
    saliency: Optional[str]


def paths_of(value: Any) -> List[str]:
    """Return the paths that an option names: one, or those of a list; none where it is None."""
    if value is None:
        return []
    return [os.fspath(path) for path in (value if isinstance(value, (list, tuple)) else [value])]


def data_roots(values: SimpleNamespace) -> List[DataRoot]:
    """Return the roots of a data set, given its options by name.

    Raises:
        OptionError: See :func:`check_roots`.
    """
    check_roots(values)
    gt, lq, difficulty, saliency = (paths_of(getattr(values, key, None)) for key in ROOT_KEYS)
    nothing: List[Optional[str]] = [None] * len(gt)
    return [DataRoot(*row) for row in zip(gt, lq, difficulty or nothing, saliency or nothing)]


def check_roots(values: SimpleNamespace) -> None:
    """Check that the lists of roots, difficulty files and maps go together.

    Raises:
        OptionError: They are not of one length.
    """
    count = len(paths_of(values.dataroot_gt))
    for key in ROOT_KEYS[1:]:
        paths = paths_of(getattr(values, key, None))
        if paths and len(paths) != count:
            raise OptionError(
                f'dataroot_gt and {key} do not name as many places',
                where=key,
                expected=f'{counted(count, "path", "paths")}, one for each of dataroot_gt',
                found=counted(len(paths), 'path', 'paths'),
                remedy=f'give dataroot_gt and {key} lists of equal length, in the same order',
            )


def each_root(options: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """Return the options of a data set once for each of its roots, as if it were the only one.

    What names one root, or lists of different lengths, which other checks refuse, comes back as it is.
    """
    counts = {len(value) for value in map(options.get, ROOT_KEYS) if isinstance(value, (list, tuple))}
    if len(counts) != 1:
        return [dict(options)]
    lists = [key for key in ROOT_KEYS if isinstance(options.get(key), (list, tuple))]
    return [{**options, **{key: options[key][index] for key in lists}} for index in range(counts.pop())]


def one_root(opt: Mapping[str, Any], key: str) -> str:
    """Return the one path that the option ``key`` of a data set names.

    Raises:
        OptionError: It names several, and this data set reads one.
    """
    paths = paths_of(opt[key])
    if len(paths) != 1:
        raise OptionError(
            f'{opt.get("type", "This data set")} reads one folder, or one LMDB',
            where=f"data set '{opt.get('name', opt.get('type'))}': {key}",
            expected='a path',
            found=f'a list of {len(paths)}',
            remedy='put the images, or links to them, into one folder',
        )
    return paths[0]
