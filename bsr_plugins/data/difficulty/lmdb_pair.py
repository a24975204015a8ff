"""Checks of a pair of sub-image LMDBs and their difficulty, made before training reads the first image."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional, Tuple

import numpy as np

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.difficulty import difficulty_file as scores
from bsr_plugins.data.subimages.lmdb_manifest import has_manifest, read_keys, read_manifest

_MAKE_BOTH = f'make both by one call of {command("subimages")}'


def read_pair_difficulty(
    gt_folder: str, lq_folder: str, scale: int, gt_size: Optional[int], difficulty: Optional[str]
) -> Tuple[List[str], np.ndarray]:
    """Return the keys of a pair of LMDBs and the MSE of each, once all that can be checked of them fits.

    Args:
        gt_folder: LMDB of the HR sub-images.
        lq_folder: LMDB of the LR ones.
        scale: Upscaling factor.
        gt_size: Side of the HR crop that is wanted, None for the whole sub-image.
        difficulty: The difficulty file, None for the default one inside ``gt_folder``.

    Raises:
        DataError: LMDB or difficulty file are missing, stale, of another scale, or their keys differ.
        OptionError: ``gt_size`` is larger than the sub-images.
    """
    path = scores.difficulty_path(gt_folder, scale) if difficulty is None else Path(difficulty)
    remedy = scores.scoring_command(gt_folder, lq_folder, scale, None if difficulty is None else path)
    gt_keys = read_keys(gt_folder)
    _check_same_keys(gt_keys, read_keys(lq_folder), gt_folder, lq_folder)
    check_manifests(gt_folder, lq_folder, scale, gt_size)
    header, keys, mse = scores.read_difficulty(path, remedy=remedy)
    scores.check_scale(header, scale, path, remedy=remedy)
    scores.check_fresh(header, gt_folder, path=path, remedy=remedy)
    scores.check_keys(keys, gt_keys, path, gt_folder, remedy=remedy)
    return keys, mse


def check_sizes(lq: np.ndarray, gt: np.ndarray, scale: int, gt_size: Optional[int], where: str) -> None:
    """Raise where a decoded pair does not fit the scale (DataError) or is smaller than the crop (OptionError)."""
    (height, width), gt_shape = lq.shape[:2], gt.shape[:2]
    if gt_shape != (height * scale, width * scale):
        raise DataError(
            f'lq and gt images do not fit scale {scale}',
            where=where,
            expected=f'GT {(height * scale, width * scale)} for LQ {(height, width)}',
            found=f'GT {gt_shape}',
            remedy='give the LR images of this scale as dataroot_lq',
        )
    if gt_size is not None and gt_size > min(gt_shape):
        raise _crop_too_large(gt_size, min(gt_shape), where)


def _check_same_keys(gt_keys: List[str], lq_keys: List[str], gt_folder: str, lq_folder: str) -> None:
    in_gt = set(gt_keys)
    alone = in_gt.symmetric_difference(lq_keys)
    if alone:
        example = min(alone)
        raise DataError(
            'The two LMDBs do not hold the same keys',
            where=f'{gt_folder} and {lq_folder}',
            expected='each key in both',
            remedy=_MAKE_BOTH,
            found=f'{len(alone)} unpaired; {example!r} is in {gt_folder if example in in_gt else lq_folder} alone',
        )
    foreign = next((key for key in gt_keys if any(ord(letter) > 127 for letter in key)), None)
    if foreign is not None:
        raise DataError(
            f'A key of the LMDB is not ASCII, as BasicSR needs: {foreign!r}',
            where=gt_folder,
            remedy='rename the image and make the LMDBs again',
        )


def check_manifests(gt_folder: str, lq_folder: str, scale: int, gt_size: Optional[int]) -> None:
    """Raise where the LR LMDB was made for another scale (DataError) or the sub-images are too small (OptionError)."""
    if has_manifest(lq_folder):
        made_for = read_manifest(lq_folder).get('scale')
        if made_for != scale:
            raise DataError(
                'The LR LMDB was made for another scale',
                where=lq_folder,
                expected=f'scale {scale}',
                found=f'scale {made_for}',
                remedy=f'give the LR LMDB of scale {scale} as dataroot_lq',
            )
    crop = read_manifest(gt_folder).get('crop') if has_manifest(gt_folder) else None
    if gt_size is not None and crop is not None and gt_size > crop:
        raise _crop_too_large(gt_size, crop, gt_folder)


def _crop_too_large(gt_size: int, side: int, where: str) -> OptionError:
    return OptionError(
        'gt_size is larger than the sub-images',
        where=where,
        expected=f'at most {side}',
        found=gt_size,
        remedy='gt_size: ~ takes the whole sub-image',
    )
