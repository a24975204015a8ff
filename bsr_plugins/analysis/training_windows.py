"""Windows of the training set for a report: its difficulty classes, and a few windows of each to look at.

The classes are those of the scored sub-images where there are some. Elsewhere windows of the training images are scored
by bicubic upscaling for the report: classes must come from the training set, or a tenth of any held-out images would
be called hard.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.analysis.compared_runs import ComparedRuns, TestedRun
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.keyed_random import keyed_generator
from bsr_plugins.data.difficulty.difficulty_file import check_fresh, difficulty_path, read_difficulty
from bsr_plugins.data.difficulty.score_windows import Pair, score_pairs
from bsr_plugins.data.difficulty.scorers import bicubic_scorer
from bsr_plugins.data.images.image_folders import by_key, list_images, pair_images
from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.images.image_store import is_keyed
from bsr_plugins.data.images.shared_options import FILENAME_TMPL
from bsr_plugins.data.sampling.long_tail import class_counts, rank_into_classes
from bsr_plugins.data.sampling.sampling_options import IMBALANCE_FACTOR, NUM_CLASSES
from bsr_plugins.data.subimages.layouts import lr_name
from bsr_plugins.data.subimages.lmdb_images import LmdbImages
from bsr_plugins.data.subimages.lmdb_manifest import read_keys, read_manifest
from bsr_plugins.data.subimages.windows import WindowGrid, default_grid, windows

#: Windows a class that are super-resolved by every run.
PER_CLASS = 40
_IMAGES = 100
_WINDOWS = 2000
_BATCH = 16


class TrainingWindows(NamedTuple):
    """Difficulty of a training set, and a sample of its windows.

    Attributes:
        difficulty: (N,) MSE of each window under bicubic upscaling (luma, images in [0, 1]).
        class_index: (N,) its class, 0 = easiest.
        thresholds: (K,) t_k of Eq. 3.
        hard: The difficulty above which a window belongs to the hardest tenth.
        grid: The windows.
        sample: The windows to super-resolve, the same number of each class (all of a smaller one).
        sampled: Their places in ``difficulty``.
        source: What the windows are, in words.
    """

    difficulty: np.ndarray
    class_index: np.ndarray
    thresholds: np.ndarray
    hard: float
    grid: WindowGrid
    sample: List[Pair]
    sampled: np.ndarray
    source: str

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.thresholds)

    @property
    def weights(self) -> np.ndarray:
        """How many windows of the training set each of the sample stands for."""
        classes = self.class_index[self.sampled]
        all_of = np.bincount(self.class_index, minlength=self.num_classes)
        drawn = np.maximum(np.bincount(classes, minlength=self.num_classes), 1)
        return (all_of / drawn)[classes]


def read_training_windows(compared: ComparedRuns, per_class: int = PER_CLASS) -> TrainingWindows:
    """Return the training windows of a comparison: those of its scored sub-images, else of its training images.

    Args:
        compared: The comparison.
        per_class: How many windows of each class to read. Which ones is a function of the set alone.

    Raises:
        DataError: There is neither, or an image or a file of them is missing, damaged or does not fit.
    """
    count, factor = _policy(compared.runs)
    pair = _scored_lmdbs(compared)
    if pair is not None:
        hr, lr, path = pair
        header, keys, difficulty = read_difficulty(path)
        check_fresh(header, hr, path=path)
        if header.scorer == 'bicubic' and header.border == compared.scale:
            grid = WindowGrid(*(read_manifest(hr, 'crop', 'step', 'threshold')[key] for key in WindowGrid._fields))
            source = f'{len(keys):,} scored sub-images'
            read = _LmdbPairs(hr, lr).pair
            return _classed(keys, difficulty, count, factor, grid, source, per_class, lambda index: read(keys[index]))
    return _scored_here(compared, pair and pair[:2], count, factor, per_class)


def sample_of_classes(class_index: np.ndarray, num_classes: int, per_class: int) -> np.ndarray:
    """Return the places of ``per_class`` items of each class (all of a smaller one), ascending, keyed by the class."""
    chosen = []
    for k in range(num_classes):
        members = np.flatnonzero(class_index == k)
        size = min(per_class, members.size)
        chosen.append(keyed_generator(k).choice(members, size, replace=False) if size else members[:0])
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def hardest_tenth(difficulty: np.ndarray) -> float:
    """Return the difficulty above which the hardest tenth of windows lies: the 90 % quantile."""
    return float(np.quantile(difficulty, 0.9))


def _classed(
    keys: Sequence[str],
    difficulty: np.ndarray,
    count: int,
    factor: float,
    grid: WindowGrid,
    source: str,
    per_class: int,
    read: Any,
) -> TrainingWindows:
    classes = rank_into_classes(keys, difficulty, class_counts(len(keys), count, factor))
    sampled = sample_of_classes(classes.class_index, count, per_class)
    sample = [read(index) for index in sampled.tolist()]
    hard = hardest_tenth(difficulty)
    return TrainingWindows(difficulty, *classes, hard, grid, sample, sampled, source)


def _policy(runs: Sequence[TestedRun]) -> Tuple[int, float]:
    """Return the number of classes and the imbalance factor that a run trains with; the published ones else."""
    for run in runs:
        inverse = _train_set(run).get('inverse')
        if isinstance(inverse, Mapping):
            return (
                inverse.get('num_classes', NUM_CLASSES.default),
                inverse.get('imbalance_factor', IMBALANCE_FACTOR.default),
            )
    return NUM_CLASSES.default, IMBALANCE_FACTOR.default


def _train_set(run: TestedRun) -> Mapping[str, Any]:
    train = (run.options.get('datasets') or {}).get('train')
    return train if isinstance(train, Mapping) else {}


def _found(path: Any, run: TestedRun) -> Optional[Path]:
    """Return a path of an option file: as it stands, or as seen from the folder that holds ``experiments``."""
    if not isinstance(path, str):
        return None
    for candidate in (Path(path), run.experiment.resolve().parent.parent / path):
        if candidate.exists():
            return candidate
    return None


def _scored_lmdbs(compared: ComparedRuns) -> Optional[Tuple[Path, Path, Path]]:
    """Return the scored HR LMDB, its LR LMDB and the difficulty file: the comparison's, else of a run's training."""
    candidates: List[Tuple[Optional[Path], Optional[Path], Optional[Path]]] = []
    if compared.hr_lmdb is not None:
        candidates.append((compared.hr_lmdb, compared.hr_lmdb.parent / lr_name(compared.scale), None))
    for run in compared.runs:
        train = _train_set(run)
        for options in (train.get('inverse'), train):
            if isinstance(options, Mapping):
                hr, lr = (_found(options.get(key), run) for key in ('dataroot_gt', 'dataroot_lq'))
                asked = options.get('difficulty')
                given = None if asked is None else _found(str(asked), run)
                if compared.hr_lmdb is not None and lr is not None and hr == compared.hr_lmdb:
                    candidates.insert(0, (hr, lr, given))
                candidates.append((hr, lr, given))
    for hr, lr, given in candidates:
        if hr is not None and lr is not None and lr.exists():
            path = given or difficulty_path(hr, compared.scale)
            if path.is_file():
                return hr, lr, path
    return None


class _LmdbPairs:
    def __init__(self, hr: Path, lr: Path) -> None:
        self._hr, self._lr = LmdbImages(hr), LmdbImages(lr)

    def pair(self, key: str) -> Pair:
        """Return a record of both LMDBs."""
        return Pair(key, self._hr.rgb(key), self._lr.rgb(key))


def _scored_here(
    compared: ComparedRuns, lmdbs: Optional[Tuple[Path, Path]], count: int, factor: float, per_class: int
) -> TrainingWindows:
    """Cut windows out of a keyed sample of training images and score them by bicubic upscaling."""
    scale = compared.scale
    grid = default_grid(scale)
    pairs: List[Pair] = []
    images = 0
    for image in _training_images(compared, lmdbs):
        images += 1
        pairs += list(_cut(image, grid, scale))
        if len(pairs) >= _WINDOWS:
            break
    if len(pairs) < count:
        raise DataError(
            'There are no scored sub-images, and too few windows of the training images to make classes of',
            where=lmdbs[0] if lmdbs else None,
            expected=f'{count} windows of {grid.crop} pixels',
            found=f'{len(pairs)} in {images} images',
            remedy='make sub-images of the training images and score them: basicsr subimages, basicsr score',
        )
    scorer = bicubic_scorer(scale)
    scores = [
        score_pairs(pairs[start : start + _BATCH], scorer, scale, scale) for start in range(0, len(pairs), _BATCH)
    ]
    source = f'{len(pairs):,} windows of {images} training images, scored by bicubic upscaling for this report'
    keys = [pair.key for pair in pairs]
    return _classed(keys, np.concatenate(scores), count, factor, grid, source, per_class, pairs.__getitem__)


def _training_images(compared: ComparedRuns, lmdbs: Optional[Tuple[Path, Path]]) -> Iterator[Pair]:
    """Yield pairs of training images in an order that is a function of their number alone."""
    for run in compared.runs:
        train = _train_set(run)
        hr, lr = lmdbs or (_found(train.get('dataroot_gt'), run), _found(train.get('dataroot_lq'), run))
        if hr is None or lr is None:
            continue
        if is_keyed(hr):
            keys = read_keys(hr)
            reader = _LmdbPairs(hr, lr)
            for index in _order(len(keys), _WINDOWS):
                yield reader.pair(keys[index])
            return
        template = train.get('filename_tmpl', FILENAME_TMPL.default)
        files = by_key(list_images(hr))
        lr_files = _lr_files(files, lr, compared.scale, template)
        names = sorted(files)
        for index in _order(len(names), _IMAGES):
            yield Pair(names[index], *(read_image(f[names[index]])[..., ::-1] for f in (files, lr_files)))
        return
    raise DataError(
        'There are no training images to take windows of',
        expected='scored sub-images, or datasets.train.dataroot_gt and dataroot_lq of a run',
        found='none that exists',
        remedy='report from the folder that the paths of the option files start from',
    )


def _lr_files(hr: Dict[str, Path], folder: Path, scale: int, template: str) -> Dict[str, Path]:
    return pair_images(hr, list_images(folder), scale, template if template != '{}' else None)


def _order(count: int, most: int) -> List[int]:
    return keyed_generator(count).permutation(count)[:most].tolist()


def _cut(image: Pair, grid: WindowGrid, scale: int) -> Iterator[Pair]:
    height, width = (side * scale for side in image.lr.shape[:2])
    for top, left in windows(min(height, image.hr.shape[0]), min(width, image.hr.shape[1]), grid):
        hr = image.hr[top : top + grid.crop, left : left + grid.crop]
        side, y, x = grid.crop // scale, top // scale, left // scale
        yield Pair(f'{image.key} at {top}, {left}', hr, image.lr[y : y + side, x : x + side])
