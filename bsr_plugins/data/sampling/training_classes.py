"""The difficulty classes of a training set, as what other images are classed by: thresholds, windows, scorer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.difficulty.difficulty_file import (
    DifficultyHeader,
    check_fresh,
    check_scale,
    difficulty_path,
    scoring_command,
)
from bsr_plugins.data.difficulty.score_arrays import read_scores
from bsr_plugins.data.difficulty.score_windows import Pair, error_maps, score_pairs
from bsr_plugins.data.difficulty.scorers import Scorer
from bsr_plugins.data.images.data_roots import each_root
from bsr_plugins.data.images.luma_error import windows_mse
from bsr_plugins.data.sampling.long_tail import class_counts
from bsr_plugins.data.sampling.sampling_options import IMBALANCE_FACTOR, NUM_CLASSES
from bsr_plugins.data.subimages.lmdb_manifest import has_manifest, read_manifest
from bsr_plugins.data.subimages.windows import WindowGrid

_INVERSE_SET = 'InverseSampledLMDBDataset'
#: What the scorer's name has behind it where whole images were super-resolved, not windows.
_WHOLE = '/whole_image'
_BATCH = 16


class TrainingClasses(NamedTuple):
    """What the classes of a training set are made of.

    ``thresholds``: (K,) t_k of Eq. 3. ``worst``: the difficulty that nine tenths of the training windows do not exceed.
    ``grid``: the windows. ``scorer``: its name in the difficulty file; ``whole_image``: it saw whole images.
    ``border``: HR pixels left out along each side of a window.
    """

    thresholds: np.ndarray
    worst: float
    grid: WindowGrid
    scorer: str
    whole_image: bool
    scale: int
    border: int


def classed_set(train: Any) -> Optional[Mapping[str, Any]]:
    """Return the options of the classed sub-images of ``datasets.train``: its ``inverse`` half, or the set itself."""
    if not isinstance(train, Mapping):
        return None
    for options in (train.get('inverse'), train):
        if isinstance(options, Mapping) and str(options.get('type')).startswith(_INVERSE_SET):
            return options
    return None


def difficulty_of(per_class: Any, train: Any, scale: int) -> Tuple[str, str]:
    """Return the difficulty file and the HR LMDB that ``val.per_class`` means.

    Args:
        per_class: True: those of the classed sub-images that are trained on; a path: that file, of their LMDB or of the
            one that it lies in.
        train: The options ``datasets.train``.
        scale: Upscaling factor.

    Raises:
        OptionError: There are no classed sub-images, or no LMDB is known for the file.
    """
    options = classed_set(train)
    if per_class is True and options is not None:
        lmdb = str(options.get('dataroot_gt'))
        return str(options.get('difficulty') or difficulty_path(lmdb, scale)), lmdb
    if per_class is True:
        raise OptionError(
            'val.per_class: true takes the difficulty of the inverse-sampled set, and none is trained on',
            where='val.per_class',
            expected='datasets.train.inverse, or the path of a difficulty file',
            found='true',
            remedy=f'per_class: LMDB/{difficulty_path("", scale).name}, made by {command("score")}',
        )
    path = Path(str(per_class)).expanduser()
    if has_manifest(path.parent):
        return str(path), str(path.parent)
    if options is None:
        raise OptionError(
            'the windows of the difficulty file are not known: it does not lie in its LMDB',
            where='val.per_class',
            expected='a difficulty file beside the manifest.json of its HR LMDB',
            found=per_class,
            remedy=f'per_class: LMDB/{difficulty_path("", scale).name}',
        )
    return str(path), str(options.get('dataroot_gt'))


def difficulties_of(per_class: Any, train: Any, scale: int) -> List[Tuple[str, str]]:
    """Return :func:`difficulty_of` of each root of the classed sub-images.

    Raises:
        OptionError: See there.
    """
    options = classed_set(train)
    if per_class is True and options is not None:
        return [difficulty_of(True, each, scale) for each in each_root(options)]
    return [difficulty_of(per_class, train, scale)]


def read_training_classes(per_class: Any, train: Any, scale: int) -> TrainingClasses:
    """Read what ``val.per_class`` means (:func:`difficulty_of`); number and sizes of the classes are the inverse set's.

    Raises:
        OptionError: See :func:`difficulty_of`; no such classes can be made of that many sub-images.
        DataError: A difficulty file is missing, damaged, stale or of another scale; an LMDB has no manifest; those of
            several roots were not scored alike, or are of different windows.
    """
    options = classed_set(train)
    found = [_scores(*place, options, scale) for place in difficulties_of(per_class, train, scale)]
    (header, _, grid), path = found[0], difficulties_of(per_class, train, scale)[0][0]
    for other, _, other_grid in found[1:]:
        if (other.scorer, other.border, other_grid) != (header.scorer, header.border, grid):
            raise DataError(
                'The data roots of the training set were not cut and scored alike',
                where='val.per_class',
                expected=f'scorer={header.scorer} border={header.border} {grid}',
                found=f'scorer={other.scorer} border={other.border} {other_grid}',
                remedy=f'per_class: LMDB/{Path(path).name}, of one of them',
            )
    mse = np.concatenate([each for _, each, _ in found])
    policy = [(options or {}).get(option.name, option.default) for option in (NUM_CLASSES, IMBALANCE_FACTOR)]
    try:
        counts = class_counts(len(mse), *policy)
    except OptionError as error:
        if options:
            raise
        raise OptionError(
            error.problem,
            where='val.per_class',
            expected=error.expected,
            found=f'{len(mse)} sub-images in {path} for {policy[0]} classes with an imbalance factor of {policy[1]}',
            remedy='cut more sub-images, by a smaller --step, and score them',
        ) from error
    return TrainingClasses(
        # Which of equal scores comes first is of no account to them.
        np.sort(mse)[np.cumsum(counts) - 1],
        float(np.quantile(mse, 0.9)),
        grid,
        header.scorer[: -len(_WHOLE)] if header.scorer.endswith(_WHOLE) else header.scorer,
        header.scorer.endswith(_WHOLE),
        scale,
        header.border,
    )


def _scores(
    path: str, lmdb: str, options: Optional[Mapping[str, Any]], scale: int
) -> Tuple[DifficultyHeader, np.ndarray, WindowGrid]:
    in_lmdb = Path(path).parent == Path(lmdb)
    remedy = 'per_class: true' if options and not in_lmdb else scoring_command(lmdb, scale=scale)
    header, mse = read_scores(path, remedy=remedy)
    check_scale(header, scale, path)
    check_fresh(header, lmdb, path=path)
    manifest = read_manifest(lmdb, 'crop', 'step', 'threshold')
    return header, mse, WindowGrid(manifest['crop'], manifest['step'], manifest['threshold'])


def window_difficulty(
    hr: np.ndarray, lr: np.ndarray, corners: Sequence[Tuple[int, int]], classes: TrainingClasses, scorer: Scorer
) -> np.ndarray:
    """Return the difficulty of windows of an image, scored as the training windows were: (len(corners),) float64.

    Args:
        hr: (H, W, 3), uint8, RGB.
        lr: (H / scale, W / scale, 3), uint8, RGB.
        corners: Top and left of each window.
        classes: Of the training set.
        scorer: Its scorer.

    Raises:
        DataError: HR and LR do not fit.
    """
    crop, scale = classes.grid.crop, classes.scale
    if classes.whole_image:
        error = error_maps(hr[None], lr[None], scorer, scale)[0].cpu().numpy()
        return windows_mse(error, corners, crop, classes.border)
    scores = [np.empty(0)]
    for start in range(0, len(corners), _BATCH):
        pairs = [
            Pair(
                f'the window at {top}, {left}',
                np.ascontiguousarray(hr[top : top + crop, left : left + crop]),
                np.ascontiguousarray(lr[top // scale : (top + crop) // scale, left // scale : (left + crop) // scale]),
            )
            for top, left in corners[start : start + _BATCH]
        ]
        scores.append(score_pairs(pairs, scorer, scale, classes.border))
    return np.concatenate(scores)


def check_scorer_name(classes: TrainingClasses, scorer: Optional[Scorer]) -> Scorer:
    """Return ``scorer``, once it is that of the classes.

    Raises:
        DataError: There is none of that name.
    """
    if scorer is not None and scorer.name == classes.scorer:
        return scorer
    raise DataError(
        f'the scorer of the difficulty file, {classes.scorer}, is needed for the held-out windows and was not found',
        where='val.per_class',
        expected='experiments/*/models/net_g_latest.pth with these weights, and the option file of its training',
        found='no experiment with them' if scorer is None else scorer.name,
        remedy=f'score the LMDB by --scorer bicubic to another --out, and name that file: {command("score")}',
    )
