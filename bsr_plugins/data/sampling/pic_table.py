"""How much of each LR image lies in each PIC interval: found once from all images, kept by their content."""

from __future__ import annotations

import numpy as np

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.keyed_random import keyed_generator
from bsr_plugins.data.images.result_cache import ImageResults
from bsr_plugins.data.images.stored_images import hash_of_names
from bsr_plugins.data.sampling.pair_reader import PairedImages
from bsr_plugins.data.sampling.pic import patch_information_capacity, window_pic_bands

#: ``pic_max: auto``: this quantile of the PIC of so many random patches, drawn by a seed of their own, so that all
#: ranks, and runs with another manual_seed, have the same intervals.
AUTO_QUANTILE, AUTO_PATCHES, AUTO_SEED = 0.999, 10_000, 20_200_416

# Raised when what is computed here changes, so that results of earlier versions are not taken up.
_VERSION = 1


def largest_pic(images: PairedImages, size: int) -> ImageResults:
    """Return the PIC of 10,000 random LR patches as results of the images that they lie in.

    A patch is of a uniform image and has a uniform position in it.

    Args:
        images: The training set; its LR images are read.
        size: Side of the LR patches.
    """
    random = keyed_generator(AUTO_SEED)
    chosen = np.sort(random.integers(len(images), size=AUTO_PATCHES))
    places = random.random((AUTO_PATCHES, 2))
    indices, first = np.unique(chosen, return_index=True)
    last = np.append(first[1:], AUTO_PATCHES)
    stored = [[images.stored_lq(index)] for index in indices]

    def pic_of_patches(number: int) -> np.ndarray:
        image = images.read_lq(indices[number])
        rows, columns = image.shape[0] - size + 1, image.shape[1] - size + 1
        corners = (places[first[number] : last[number]] * (rows, columns)).astype(np.int64)
        return np.array([patch_information_capacity(image[y : y + size, x : x + size]) for y, x in corners])

    parameters = {
        'version': _VERSION,
        'size': size,
        'patches': AUTO_PATCHES,
        'seed': AUTO_SEED,
        'images': len(images),
        # Which patches an image has depends on its place among all of them.
        'chosen': hash_of_names(source for sources in stored for source in sources),
    }
    return ImageResults(
        'rfs_patch_pic', parameters, stored, pic_of_patches, label='RFS: largest PIC', is_needed_whole=True
    )


def auto_pic_max(images: PairedImages, size: int) -> float:
    """Return the .999 quantile of :func:`largest_pic`.

    Raises:
        DataError: An image cannot be used, or nearly all patches are constant.
    """
    pic_max = float(np.quantile(largest_pic(images, size).get().values, AUTO_QUANTILE))
    if not pic_max > 0:
        raise DataError(
            'Nearly all patches of the training set are constant: there are no intervals to balance',
            where=images.lq_folder,
            expected=f'a {AUTO_QUANTILE} quantile of PIC above 0',
            found=pic_max,
            remedy='look at the images, or set pic_max to a number',
        )
    return pic_max


def shares_of_intervals(images: PairedImages, size: int, edges: np.ndarray) -> ImageResults:
    """Return the share of each LR image's window positions whose PIC lies in each interval as results of the images.

    Args:
        images: The training set; its LR images are read.
        size: Side of the LR windows.
        edges: (p + 1,) of ``interval_edges``; what lies above the last edge counts in the last interval.
    """

    def fractions_of(index: int) -> np.ndarray:
        # As interval_of and a histogram of it, in a quarter of the time: its intervals begin at their lower edges.
        at_least = np.zeros(len(edges) - 1, np.int64)
        for _, band in window_pic_bands(images.read_lq(index), size):
            at_least += np.array([band.size, *(np.count_nonzero(band >= edge) for edge in edges[1:-1])])
        return (-np.diff(at_least, append=0) / at_least[0]).astype(np.float32)

    parameters = {'version': _VERSION, 'size': size, 'pic_max': float(edges[-1]), 'num_intervals': len(edges) - 1}
    stored = [[images.stored_lq(index)] for index in range(len(images))]
    return ImageResults('rfs_fractions', parameters, stored, fractions_of, label='RFS: PIC of all windows')


def image_fractions(images: PairedImages, size: int, edges: np.ndarray) -> np.ndarray:
    """Return :func:`shares_of_intervals`: (n, p) float32, each row adds up to 1.

    Raises:
        DataError: An image cannot be used.
    """
    arrays = shares_of_intervals(images, size, edges).get()
    return np.array(arrays.values, np.float32).reshape(len(images), len(edges) - 1)
