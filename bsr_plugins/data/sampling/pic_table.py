"""How much of each LR image lies in each PIC interval: found once from all images, kept by their content."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Tuple

import numpy as np

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.keyed_random import keyed_generator
from bsr_plugins.data.images.result_cache import cached, cached_per_image, worker_threads
from bsr_plugins.data.sampling.pair_reader import PairedImages
from bsr_plugins.data.sampling.pic import patch_information_capacity, window_pic_bands

#: ``pic_max: auto``: this quantile of the PIC of so many random patches, drawn by a seed of their own, so that all
#: ranks, and runs with another manual_seed, have the same intervals.
AUTO_QUANTILE, AUTO_PATCHES, AUTO_SEED = 0.999, 10_000, 20_200_416

# Raised when what is computed here changes, so that results of earlier versions are not taken up.
_VERSION = 1


def auto_pic_max(images: PairedImages, size: int) -> float:
    """Return the .999 quantile of the PIC of 10,000 random LR patches: a uniform image, then a uniform position.

    Args:
        images: The training set; its LR images are read.
        size: Side of the LR patches.

    Raises:
        DataError: An image cannot be used, or nearly all patches are constant.
    """
    random = keyed_generator(AUTO_SEED)
    chosen = np.sort(random.integers(len(images), size=AUTO_PATCHES))
    places = random.random((AUTO_PATCHES, 2))
    indices, first = np.unique(chosen, return_index=True)
    last = np.append(first[1:], AUTO_PATCHES)

    def pic_of_patches(entry: Tuple[int, int, int]) -> np.ndarray:
        index, begin, end = entry
        image = images.read_lq(index)
        rows, columns = image.shape[0] - size + 1, image.shape[1] - size + 1
        corners = (places[begin:end] * (rows, columns)).astype(np.int64)
        return np.array([patch_information_capacity(image[y : y + size, x : x + size]) for y, x in corners])

    def compute() -> np.ndarray:
        from tqdm import tqdm

        entries = list(zip(indices.tolist(), first.tolist(), last.tolist()))
        with ThreadPoolExecutor(worker_threads()) as pool:
            found = list(
                tqdm(
                    pool.map(pic_of_patches, entries),
                    total=len(entries),
                    desc='RFS: largest PIC',
                    unit='image',
                    mininterval=0.5,
                )
            )
        return np.quantile(np.concatenate(found), AUTO_QUANTILE)

    parameters = {
        'version': _VERSION,
        'size': size,
        'patches': AUTO_PATCHES,
        'quantile': AUTO_QUANTILE,
        'seed': AUTO_SEED,
        'images': len(images),
    }
    pic_max = float(cached('rfs_pic_max', parameters, [images.stored_lq(index) for index in indices], compute)[0])
    if not pic_max > 0:
        raise DataError(
            'Nearly all patches of the training set are constant: there are no intervals to balance',
            where=images.lq_folder,
            expected=f'a {AUTO_QUANTILE} quantile of PIC above 0',
            found=pic_max,
            remedy='look at the images, or set pic_max to a number',
        )
    return pic_max


def image_fractions(images: PairedImages, size: int, edges: np.ndarray) -> np.ndarray:
    """Return the share of each LR image's window positions whose PIC lies in each interval.

    Args:
        images: The training set; its LR images are read.
        size: Side of the LR windows.
        edges: (p + 1,) of ``interval_edges``; what lies above the last edge counts in the last interval.

    Returns:
        (n, p) float32, each row adds up to 1.

    Raises:
        DataError: An image cannot be used.
    """

    def fractions_of(index: int) -> np.ndarray:
        # As interval_of and a histogram of it, in a quarter of the time: its intervals begin at their lower edges.
        at_least = np.zeros(len(edges) - 1, np.int64)
        for _, band in window_pic_bands(images.read_lq(index), size):
            at_least += np.array([band.size, *(np.count_nonzero(band >= edge) for edge in edges[1:-1])])
        return (-np.diff(at_least, append=0) / at_least[0]).astype(np.float32)

    parameters = {'version': _VERSION, 'size': size, 'pic_max': float(edges[-1]), 'num_intervals': len(edges) - 1}
    stored = [[images.stored_lq(index)] for index in range(len(images))]
    arrays = cached_per_image('rfs_fractions', parameters, stored, fractions_of, label='RFS: PIC of all windows')
    return np.array(arrays.values, np.float32).reshape(len(images), len(edges) - 1)
