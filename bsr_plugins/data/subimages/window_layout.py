"""Where the windows of a pair of sub-image LMDBs lie in the images that they were cut from, by their manifests."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Tuple

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.data.subimages.lmdb_manifest import degradation_note, read_manifest
from bsr_plugins.data.subimages.windows import WindowGrid, positions, sub_image_name

_MAKE_BOTH = f'make both by one call of {command("subimages")}'
_SAME = ('crop', 'step', 'threshold', 'mod', 'factors', 'sub_images')


class ImageWindows(NamedTuple):
    """The windows of one image.

    Attributes:
        prefix: What the keys of its windows begin with.
        height: Of the whole image, in HR pixels.
        width: Of the whole image.
        tops: First row of each row of windows.
        lefts: First column of each column of windows.
    """

    prefix: str
    height: int
    width: int
    tops: Tuple[int, ...]
    lefts: Tuple[int, ...]

    def key(self, row: int, column: int) -> str:
        """Return the key of a window."""
        return sub_image_name(self.prefix, row * len(self.lefts) + column + 1)


def read_layout(gt_folder: str, lq_folder: str, scale: int) -> Tuple[WindowGrid, List[ImageWindows]]:
    """Return the grid of a pair of LMDBs and the windows of each image, in the order of the keys.

    Raises:
        DataError: One is missing or was not made by ``basicsr subimages``, or by a release that did not note the sizes
            of images; they are not of the same images, windows and ``scale``.
    """
    hr = read_manifest(gt_folder, 'crop', 'step', 'threshold', 'mod', 'sub_images', 'source')
    lr = read_manifest(lq_folder, 'scale', 'sub_images')
    _check_pair(hr, lr, gt_folder, lq_folder, scale)
    sizes = hr.get('sizes')
    if sizes is None:
        raise DataError(
            'The manifest does not say how large the images are that the windows were cut from',
            where=f'{gt_folder}: manifest.json: sizes',
            expected='height and width of each image',
            found='an LMDB of an earlier release',
            remedy=f'delete it and make it again: the same {command("subimages")} with another --out, or type: '
            'PairedImageDataset, which draws windows instead of images',
        )
    grid = WindowGrid(hr['crop'], hr['step'], hr['threshold'])
    found = []
    for prefix, (height, width) in sorted(sizes.items()):
        tops, lefts = (tuple(positions(side - side % hr['mod'], *grid)) for side in (height, width))
        found.append(ImageWindows(prefix, height, width, tops, lefts))
    count = sum(len(each.tops) * len(each.lefts) for each in found)
    if count != hr['sub_images']:
        raise DataError(
            'The sizes of the images do not go with the number of their windows',
            where=f'{gt_folder}: manifest.json',
            expected=f'{count} windows',
            found=f'{hr["sub_images"]}',
            remedy=_MAKE_BOTH,
        )
    return grid, found


def log_degradation(lq_folder: str) -> None:
    """Log how the LR images were made, where that is not by bicubic."""
    from basicsr.utils import get_root_logger

    note = degradation_note(lq_folder)
    if note is not None:
        get_root_logger().info(note)


def _check_pair(hr: Dict[str, Any], lr: Dict[str, Any], gt_folder: str, lq_folder: str, scale: int) -> None:
    if lr['scale'] != scale:
        raise DataError(
            'The LR LMDB was made for another scale',
            where=lq_folder,
            expected=f'scale {scale}',
            found=f'scale {lr["scale"]}',
            remedy=f'give the LR LMDB of scale {scale} as dataroot_lq',
        )
    differing = [name for name in _SAME if hr.get(name) != lr.get(name)]
    if lr.get('hr') != hr['source']['fingerprint']:
        differing.append('the HR images')
    if differing:
        raise DataError(
            'The two LMDBs are not of the same images and windows',
            where=f'{gt_folder} and {lq_folder}',
            found=f'these differ: {", ".join(differing)}',
            remedy=_MAKE_BOTH,
        )
