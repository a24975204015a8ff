"""Data sets of whole images read raw image stores; BasicSR's own say that they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import cv2
import numpy as np
import pytest

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.images.image_store import refuse_stores
from bsr_plugins.data.sampling.pair_reader import PairedImages
from bsr_plugins.data.subimages.subimage_lmdb import Created, create_subimage_lmdbs
from bsr_plugins.data.subimages.windows import WindowGrid


@pytest.fixture(scope='module')
def stores(tmp_path_factory: pytest.TempPathFactory) -> Created:
    root = tmp_path_factory.mktemp('stores')
    (root / 'HR').mkdir()
    for name, shape in (('b', (21, 30, 3)), ('a', (25, 19, 3))):
        cv2.imwrite(str(root / 'HR' / f'{name}.png'), np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))
    return create_subimage_lmdbs(root / 'HR', root, 2, grid=WindowGrid(12, 6, 0), progress=False, layout='images')


def options(stores: Created, **changes: Any) -> Dict[str, Any]:
    return {
        'type': 'RFSBalancedBatchDataset',
        'scale': 2,
        'dataroot_gt': str(stores.hr),
        'dataroot_lq': str(stores.lr),
        'io_backend': {'type': 'lmdb'},
        **changes,
    }


def test_whole_images(stores: Created) -> None:
    images = PairedImages(options(stores))
    assert [images.gt_path(index) for index in range(len(images))] == ['a', 'b']
    for index, name in enumerate('ab'):
        hr, lq, gt = read_image(stores.hr.parent / 'HR' / f'{name}.png'), images.read_lq(index), images.read_gt(index)
        images.check_pair(index, lq, gt)
        assert np.array_equal(gt, hr[: 2 * lq.shape[0], : 2 * lq.shape[1]])
        assert images.stored_gt(index).key == name


def test_what_does_not_go_together(stores: Created, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match='maps of a raw image store are those of its windows'):
        PairedImages(options(stores, saliency='maps.lmdb'))
    one = tmp_path / 'HR'
    one.mkdir()
    cv2.imwrite(str(one / 'a.png'), np.zeros((20, 20, 3), np.uint8))
    other = create_subimage_lmdbs(one, tmp_path, 2, grid=WindowGrid(12, 6, 0), progress=False, layout='images')
    with pytest.raises(DataError, match='do not hold the same images'):
        PairedImages(options(stores, dataroot_lq=str(other.lr)))


@pytest.mark.parametrize('backend', ['lmdb', 'disk'])
def test_basicsr_cannot_read_one(stores: Created, backend: str) -> None:
    from basicsr.data.paired_image_dataset import PairedImageDataset

    with pytest.raises(DataError, match='(?s)BasicSR cannot read a raw image store.*UniformWindowsDataset'):
        PairedImageDataset(options(stores, io_backend={'type': backend}, phase='val'))
    with pytest.raises(DataError, match='without --layout images'):
        refuse_stores([stores.hr])
