"""Difficulty by windows: each LR sub-image is super-resolved by itself, many in one forward pass."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.difficulty.scorers import Scorer
from bsr_plugins.data.images.luma_error import squared_luma_error, window_mse
from bsr_plugins.data.subimages.lmdb_images import LmdbImages

_DECODERS = 2


class Pair(NamedTuple):
    """A sub-image: its key, HR (H, W, 3) and LR (H / scale, W / scale, 3), uint8, RGB."""

    key: str
    hr: np.ndarray
    lr: np.ndarray


def score_batches(
    batches: Sequence[Sequence[str]], hr: LmdbImages, lr: LmdbImages, scorer: Scorer, scale: int, border: int
) -> Iterator[Tuple[Sequence[str], np.ndarray]]:
    """Yield the keys of each batch and the MSE of each, (len(batch),) float64; the next batch is decoded meanwhile.

    Raises:
        DataError: A record is missing, damaged, or HR and LR do not fit.
    """
    with ThreadPoolExecutor(_DECODERS) as pool:
        waiting = None
        for keys in [*batches, None]:
            coming = None
            if keys is not None:
                records = [(key, hr.read(key), lr.read(key)) for key in keys]
                coming = keys, [pool.submit(_decode, hr, lr, *record) for record in records]
            if waiting is not None:
                pairs = [decoded.result() for decoded in waiting[1]]
                yield waiting[0], score_pairs(pairs, scorer, scale, border)
            waiting = coming


def score_pairs(pairs: Sequence[Pair], scorer: Scorer, scale: int, border: int) -> np.ndarray:
    """Return the MSE of each sub-image, one forward pass for those of one size: (len(pairs),) float64.

    Raises:
        DataError: An LR sub-image is not its HR one's size divided by ``scale``, or less than the border is left.
    """
    by_shape: Dict[Tuple[int, ...], List[int]] = {}
    for index, pair in enumerate(pairs):
        _check_pair(pair, scale, border)
        by_shape.setdefault(pair.lr.shape, []).append(index)
    scores = np.empty(len(pairs), dtype=np.float64)
    for indices in by_shape.values():
        error = error_maps(
            np.stack([pairs[i].hr for i in indices]), np.stack([pairs[i].lr for i in indices]), scorer, scale
        )
        scores[indices] = window_mse(error, border).cpu().numpy()
    return scores


def error_maps(hr: np.ndarray, lr: np.ndarray, scorer: Scorer, scale: int):  # noqa: ANN201  torch is imported late
    """Return the squared luma error of each pixel under the scorer: uint8 (N, H, W, 3) RGB -> float64 (N, H, W) tensor.

    Raises:
        OptionError: The scorer does not upscale by ``scale``.
    """
    import torch

    with torch.no_grad():
        images = torch.from_numpy(lr).to(scorer.device).permute(0, 3, 1, 2)
        sr = scorer.upscale(images.to(torch.float32).div_(255))
        truth = torch.from_numpy(hr).to(scorer.device).permute(0, 3, 1, 2)
        if sr.shape != truth.shape:
            raise OptionError(
                f'The scorer {scorer.name} does not upscale by {scale}',
                expected=f'{tuple(truth.shape)} from {tuple(images.shape)}',
                found=tuple(sr.shape),
                remedy=f'score by a network trained for x{scale}',
            )
        return squared_luma_error(sr, truth)


def _decode(hr: LmdbImages, lr: LmdbImages, key: str, hr_record: bytes, lr_record: bytes) -> Pair:
    return Pair(key, hr.decode(key, hr_record), lr.decode(key, lr_record))


def _check_pair(pair: Pair, scale: int, border: int) -> None:
    height, width = pair.hr.shape[:2]
    if (height, width) != (pair.lr.shape[0] * scale, pair.lr.shape[1] * scale):
        raise DataError(
            f'HR and LR of the sub-image {pair.key!r} do not fit scale {scale}',
            where=pair.key,
            expected=f'LR {height / scale:g} x {width / scale:g}',
            found=f'HR {height} x {width}, LR {pair.lr.shape[0]} x {pair.lr.shape[1]}',
            remedy='give the LR LMDB of this scale, made with the same windows',
        )
    if min(height, width) <= 2 * border:
        raise DataError(
            f'Nothing of the sub-image {pair.key!r} is left inside the border',
            where=pair.key,
            expected=f'sides above {2 * border}',
            found=f'{height} x {width}',
        )
