"""From a pair of sub-image LMDBs to their difficulty file: checked first, resumable, never half-written."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import PathLike, sweep
from bsr_plugins.common.shown import shown
from bsr_plugins.data.difficulty.difficulty_file import (
    DifficultyHeader,
    difficulty_path,
    read_difficulty,
    write_difficulty,
)
from bsr_plugins.data.difficulty.score_progress import ScoreProgress, remove_leftover, split_units
from bsr_plugins.data.difficulty.score_whole_images import find_whole_images, score_whole_images
from bsr_plugins.data.difficulty.score_windows import score_batches
from bsr_plugins.data.difficulty.scorers import Scorer
from bsr_plugins.data.images.image_folders import some_of
from bsr_plugins.data.subimages.lmdb_images import LmdbImages
from bsr_plugins.data.subimages.lmdb_manifest import has_manifest, manifest_sha256, read_keys, read_manifest
from bsr_plugins.data.subimages.windows import WindowGrid

_log = logging.getLogger(__name__)
_MAKE_BOTH = f'make both by one call of {command("subimages")}'
_OF_THE_WINDOWS = ('crop', 'step', 'threshold', 'mod', 'factors')
Scored = Tuple[Sequence[str], np.ndarray]


class ScoredDifficulty(NamedTuple):
    """The difficulty file, its content, and how many sub-images this call scored (0: it stood there already)."""

    path: Path
    header: DifficultyHeader
    keys: List[str]
    mse: np.ndarray
    scored: int


def score_difficulty(
    hr_lmdb: PathLike,
    lr_lmdb: PathLike,
    scale: int,
    scorer: Scorer,
    *,
    whole_image: bool = False,
    hr: Optional[PathLike] = None,
    lr: Optional[PathLike] = None,
    batch: int = 32,
    out: Optional[PathLike] = None,
    progress: bool = True,
) -> ScoredDifficulty:
    """Score every sub-image of an LMDB pair and write the difficulty file.

    MSE of luma, 8 bit quantised, ``scale`` pixels left out along each side (``luma_error``). What is scored is kept in
    ``<out>.partial``: a killed run is continued by the same call, with the same bytes as an uninterrupted one. A file
    that stands there already, with the same scorer and LMDB, is left alone.

    Args:
        hr_lmdb: LMDB of the HR sub-images, by ``basicsr subimages``, or one of BasicSR's own.
        lr_lmdb: LMDB of the LR ones.
        scale: Upscaling factor.
        scorer: The reference super-resolution.
        whole_image: One forward pass per image instead of one a batch of windows.
        hr: Folder of the HR images, for ``whole_image``; None: where the manifest says.
        lr: Folder of the LR ones.
        batch: Windows in a forward pass.
        out: Destination; None: ``difficulty_x<scale>.txt`` inside ``hr_lmdb``.
        progress: Show a bar on stderr.

    Raises:
        DataError: LMDBs are missing, damaged, do not fit each other or ``scale``; images are missing or changed;
            a score is not finite; another process writes the same file.
        OptionError: Contradicting arguments, or a scorer of another scale.
    """
    _check_arguments(whole_image, hr, lr, batch)
    keys, hr_manifest, lr_manifest = _check_pair(hr_lmdb, lr_lmdb, scale)
    name = f'{scorer.name}/whole_image' if whole_image else scorer.name
    header = DifficultyHeader(name, scale, 'y', scale, len(keys), manifest_sha256(hr_lmdb))
    path = difficulty_path(hr_lmdb, scale) if out is None else Path(out)
    sweep(path.parent)
    there = _read_existing(path, header, keys)
    if there is not None:
        remove_leftover(path)
        return ScoredDifficulty(path, header, *there, scored=0)
    if whole_image and (hr_manifest is None or lr_manifest is None):
        raise OptionError(
            'Whole images can only be scored for LMDBs that name them in a manifest.json',
            where=hr_lmdb if hr_manifest is None else lr_lmdb,
            found='an LMDB of another tool',
            remedy='score without --whole-image',
        )
    images = find_whole_images(hr_manifest or {}, lr_manifest or {}, keys, hr, lr) if whole_image else None
    units = split_units(keys, batch) if images is None else [image.keys for image in images]
    settings = {
        'header': header.line(),
        'lr_manifest_sha256': manifest_sha256(lr_lmdb),
        'batch': None if whole_image else batch,
        'device': scorer.device,
    }
    with closing(ScoreProgress(path, settings, units)) as kept:
        before = len(kept.scores)
        if images is None or hr_manifest is None:
            parts = _score_windows(units[kept.units_done :], hr_lmdb, lr_lmdb, scorer, scale)
        else:
            grid = WindowGrid(hr_manifest['crop'], hr_manifest['step'], hr_manifest['threshold'])
            parts = score_whole_images(images[kept.units_done :], scorer, scale, scale, grid, hr_manifest['mod'])
        for unit, mse in _with_bar(parts, before, len(keys), progress):
            kept.append(unit, mse)
        write_difficulty(path, kept.scores, header)
        kept.finish()
        ordered = sorted(kept.scores.items())
    return ScoredDifficulty(
        path, header, [key for key, _ in ordered], np.array([value for _, value in ordered]), len(keys) - before
    )


def _score_windows(
    units: Sequence[Sequence[str]], hr_lmdb: PathLike, lr_lmdb: PathLike, scorer: Scorer, scale: int
) -> Iterator[Scored]:
    with closing(LmdbImages(hr_lmdb)) as hr, closing(LmdbImages(lr_lmdb)) as lr:
        yield from score_batches(units, hr, lr, scorer, scale, scale)


def _with_bar(parts: Iterator[Scored], before: int, total: int, progress: bool) -> Iterator[Scored]:
    from tqdm import tqdm

    with tqdm(
        total=total, initial=before, unit=' sub-images', desc='scoring', mininterval=0.5, disable=not progress
    ) as bar:
        for keys, mse in parts:
            yield keys, mse
            bar.update(len(keys))


def _read_existing(path: Path, header: DifficultyHeader, keys: List[str]) -> Optional[Tuple[List[str], np.ndarray]]:
    if not path.exists():
        return None
    try:
        there, scored, mse = read_difficulty(path)
    except DataError as error:
        _log.warning('%s is damaged and will be made again: %s', shown(path), shown(error.problem))
        return None
    if there == header and set(scored) == set(keys):
        return scored, mse
    _log.warning('%s was scored with other settings (%s) and will be replaced', shown(path), shown(there.line()))
    return None


def _check_arguments(whole_image: bool, hr: Optional[PathLike], lr: Optional[PathLike], batch: int) -> None:
    if batch < 1:
        raise OptionError('The batch must be at least 1', where='--batch', found=batch)
    if not whole_image and (hr is not None or lr is not None):
        raise OptionError(
            'Folders of images are read only by whole-image scoring',
            where='--hr, --lr',
            remedy='add --whole-image, or omit them',
        )


def _check_pair(
    hr_lmdb: PathLike, lr_lmdb: PathLike, scale: int
) -> Tuple[List[str], Optional[Dict[str, Any]], Optional[Dict[str, Any]]]:
    """Return the keys and the two manifests; None for those of an LMDB that BasicSR's own tools have made."""
    keys, lr_keys = read_keys(hr_lmdb), read_keys(lr_lmdb)
    both = f'{hr_lmdb} and {lr_lmdb}'
    hr_manifest, lr_manifest = (
        read_manifest(lmdb, 'kind', 'source', *_OF_THE_WINDOWS) if has_manifest(lmdb) else None
        for lmdb in (hr_lmdb, lr_lmdb)
    )
    kinds = tuple(None if manifest is None else manifest['kind'] for manifest in (hr_manifest, lr_manifest))
    if kinds[0] not in ('hr', None) or kinds[1] not in ('lr', None):
        raise OptionError(
            'The LMDBs are not one of HR and one of LR sub-images',
            where=both,
            expected='--hr-lmdb of kind hr, --lr-lmdb of kind lr',
            found=f'{kinds[0]} and {kinds[1]}',
            remedy='swap them' if kinds == ('lr', 'hr') else _MAKE_BOTH,
        )
    if lr_manifest is not None:
        read_manifest(lr_lmdb, 'scale', 'hr')
        if lr_manifest['scale'] != scale:
            raise DataError(
                'The LR LMDB was made for another scale',
                where=lr_lmdb,
                expected=f'scale {scale}',
                found=f'scale {lr_manifest["scale"]}',
                remedy=f'give the LR LMDB of scale {scale}, or --scale {lr_manifest["scale"]}',
            )
    if hr_manifest is not None and lr_manifest is not None:
        if lr_manifest['hr'] != hr_manifest['source']['fingerprint']:
            raise DataError('The LR LMDB was made with other HR images', where=both, remedy=_MAKE_BOTH)
        differing = [name for name in _OF_THE_WINDOWS if hr_manifest[name] != lr_manifest[name]]
        if differing:
            raise DataError(
                'The LMDBs were cut by different windows',
                where=both,
                found='; '.join(f'{name}: {hr_manifest[name]} and {lr_manifest[name]}' for name in differing),
                remedy=_MAKE_BOTH,
            )
    if set(keys) != set(lr_keys):
        alone = sorted(set(keys) ^ set(lr_keys))
        raise DataError(
            'The HR and LR LMDBs do not hold the same keys',
            where=both,
            found=f'{len(alone)} without a partner: {some_of(alone)}',
            remedy=_MAKE_BOTH,
        )
    return sorted(keys), hr_manifest, lr_manifest
