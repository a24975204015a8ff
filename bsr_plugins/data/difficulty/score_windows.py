"""Difficulty by windows: each LR sub-image is super-resolved by itself, many in one forward pass."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Deque, Dict, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.processes import cores
from bsr_plugins.data.difficulty.scorers import Scorer
from bsr_plugins.data.images.luma_error import squared_luma_error, window_mse
from bsr_plugins.data.subimages.lmdb_images import LmdbImages

# Windows that are decoded ahead for each decoder: enough that none of them waits, whatever the size of a batch.
_AHEAD = 4


class Pair(NamedTuple):
    """A sub-image: its key, HR (H, W, 3) and LR (H / scale, W / scale, 3), uint8, RGB."""

    key: str
    hr: np.ndarray
    lr: np.ndarray


def score_batches(
    batches: Sequence[Sequence[str]], hr: LmdbImages, lr: LmdbImages, scorer: Scorer, scale: int, border: int
) -> Iterator[Tuple[Sequence[str], np.ndarray]]:
    """Yield the keys of each batch and the MSE of each, (len(batch),) float64; the next are decoded on all cores.

    Raises:
        DataError: A record is missing, damaged, or HR and LR do not fit.
    """
    decoders = cores()
    waiting: Deque[Tuple[Sequence[str], List[Future]]] = deque()
    left, ahead = iter(batches), 0
    with ThreadPoolExecutor(decoders) as pool:
        while True:
            for keys in left:
                waiting.append((keys, [pool.submit(_read, hr, lr, key) for key in keys]))
                ahead += len(keys)
                if len(waiting) > 1 and ahead - len(waiting[0][0]) >= _AHEAD * decoders:
                    break
            if not waiting:
                return
            keys, pairs = waiting.popleft()
            ahead -= len(keys)
            yield keys, score_pairs([pair.result() for pair in pairs], scorer, scale, border)


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
        at_once = scorer.at_once or len(indices)
        for start in range(0, len(indices), at_once):
            some = indices[start : start + at_once]
            hr, lr = _planes([pairs[index].hr for index in some]), _planes([pairs[index].lr for index in some])
            scores[some] = window_mse(_squared_errors(hr, lr, scorer, scale, border), 0).cpu().numpy()
    return scores


def error_maps(hr: np.ndarray, lr: np.ndarray, scorer: Scorer, scale: int):  # noqa: ANN201  torch is imported late
    """Return the squared luma error of each pixel under the scorer: uint8 (N, H, W, 3) RGB -> float64 (N, H, W) tensor.

    Raises:
        OptionError: The scorer does not upscale by ``scale``.
    """
    return _squared_errors(_planes(list(hr)), _planes(list(lr)), scorer, scale, 0)


def _squared_errors(hr: np.ndarray, lr: np.ndarray, scorer: Scorer, scale: int, border: int):  # noqa: ANN202
    """Return the squared luma errors inside the border: uint8 (N, 3, H, W) -> float64 (N, H - 2 border, ...) tensor."""
    import torch

    with torch.no_grad():
        images = torch.from_numpy(lr).to(scorer.device)
        sr = scorer.upscale(images.to(torch.float32).div_(255))
        if sr.shape != hr.shape:
            raise OptionError(
                f'The scorer {scorer.name} does not upscale by {scale}',
                expected=f'{tuple(hr.shape)} from {tuple(images.shape)}',
                found=tuple(sr.shape),
                remedy=f'score by a network trained for x{scale}',
            )
        inside = (..., slice(border, hr.shape[-2] - border), slice(border, hr.shape[-1] - border))
        return squared_luma_error(sr[inside], torch.from_numpy(hr[inside]).to(scorer.device))


def _planes(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return images (H, W, 3) as one array (N, 3, H, W)."""
    import cv2

    height, width = images[0].shape[:2]
    planes = np.empty((len(images), 3, height, width), np.uint8)
    for image, into in zip(images, planes):
        cv2.split(np.ascontiguousarray(image), list(into))
    return planes


def _read(hr: LmdbImages, lr: LmdbImages, key: str) -> Pair:
    return Pair(key, hr.rgb(key), lr.rgb(key))


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
