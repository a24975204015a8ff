"""From a pair of sub-image LMDBs to their difficulty file: checked first, resumable, never half-written."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import PathLike, sweep
from bsr_plugins.common.shard import Shard
from bsr_plugins.data.difficulty.difficulty_file import (
    DifficultyHeader,
    difficulty_path,
)
from bsr_plugins.data.difficulty.score_progress import split_units
from bsr_plugins.data.difficulty.score_whole_images import find_whole_images, score_whole_images
from bsr_plugins.data.difficulty.score_windows import score_batches
from bsr_plugins.data.difficulty.score_work import Scored, ScoredDifficulty, ScoreWork, finished, score_all, score_shard
from bsr_plugins.data.difficulty.scorers import Scorer
from bsr_plugins.data.images.image_folders import some_of
from bsr_plugins.data.subimages.lmdb_images import LmdbImages
from bsr_plugins.data.subimages.lmdb_manifest import has_manifest, manifest_sha256, read_keys, read_manifest
from bsr_plugins.data.subimages.windows import WindowGrid

_MAKE_BOTH = f'make both by one call of {command("subimages")}'
_GRID = ('crop', 'step', 'threshold')
_OF_THE_WINDOWS = (*_GRID, 'mod', 'factors')


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
    shard: Optional[Shard] = None,
    progress: bool = True,
) -> ScoredDifficulty:
    """Score every sub-image of an LMDB pair and write the difficulty file.

    MSE of luma, 8 bit quantised, ``scale`` pixels left out along each side (``luma_error``). What is scored is kept in
    ``<out>.partial``: a killed run is continued by the same call, with the same bytes as an uninterrupted one. A file
    that stands there already, with the same scorer and LMDB, is left alone.

    So it is in shards: each scores every n-th batch or image into a file beside ``out``, and the one that finishes last
    writes the difficulty file, byte for byte that of a single run.

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
        shard: Score this part alone.
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
    there = finished(path, header, keys)
    if there is not None:
        return there
    settings = {
        'header': header.line(),
        'lr_manifest_sha256': manifest_sha256(lr_lmdb),
        'batch': None if whole_image else batch,
        'device': scorer.device.partition(':')[0],
    }
    if not whole_image:
        units = split_units(keys, batch)

        def score(places: Sequence[int]) -> Iterator[Scored]:
            return _score_windows([units[place] for place in places], hr_lmdb, lr_lmdb, scorer, scale)

    elif hr_manifest is None or lr_manifest is None:
        raise OptionError(
            'Whole images can only be scored for LMDBs that name them in a manifest.json',
            where=hr_lmdb if hr_manifest is None else lr_lmdb,
            found='an LMDB of another tool',
            remedy='score without --whole-image',
        )
    else:
        images = find_whole_images(hr_manifest, lr_manifest, keys, hr, lr)
        grid, mod = WindowGrid(*(hr_manifest[name] for name in _GRID)), hr_manifest['mod']
        units = [image.keys for image in images]

        def score(places: Sequence[int]) -> Iterator[Scored]:
            return score_whole_images([images[place] for place in places], scorer, scale, scale, grid, mod)

    work = ScoreWork(path, header, settings, keys, units, score, progress)
    return score_all(work) if shard is None else score_shard(work, shard)


def _score_windows(
    units: Sequence[Sequence[str]], hr_lmdb: PathLike, lr_lmdb: PathLike, scorer: Scorer, scale: int
) -> Iterator[Scored]:
    with closing(LmdbImages(hr_lmdb)) as hr, closing(LmdbImages(lr_lmdb)) as lr:
        yield from score_batches(units, hr, lr, scorer, scale, scale)


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
