"""Scoring by whole images: the same images, the same windows, the same ranking."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Tuple

import cv2
import numpy as np
import pytest
import torch

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.difficulty.score_whole_images import find_whole_images, load_pair, score_whole_images
from bsr_plugins.data.difficulty.scorers import Scorer, bicubic_scorer
from bsr_plugins.data.difficulty.scoring import score_difficulty
from bsr_plugins.data.subimages.lmdb_images import LmdbImages
from bsr_plugins.data.subimages.lmdb_manifest import read_keys, read_manifest
from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
from bsr_plugins.data.subimages.windows import windows


def find(sub_images: Any, **folders: Any) -> Any:
    return find_whole_images(
        read_manifest(sub_images.hr_lmdb), read_manifest(sub_images.lr_lmdb), read_keys(sub_images.hr_lmdb), **folders
    )


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    rank_a, rank_b = (np.argsort(np.argsort(values)) for values in (a, b))
    return float(np.corrcoef(rank_a, rank_b)[0, 1])


@pytest.mark.parametrize('given', [True, False], ids=['lr given', 'lr made'])
@pytest.mark.parametrize('factors', [(1.0,), (1.0, 0.7)], ids=['', 'pyramid'])
def test_images_are_those_the_windows_were_cut_from(
    images: Path, tmp_path: Path, given: bool, factors: Tuple[float, ...]
) -> None:
    """Pixel for pixel: every stored HR and LR window is in the image at its place."""
    from bsr_plugins.data.subimages.windows import WindowGrid

    grid = WindowGrid(32, 16, 12)
    made = create_subimage_lmdbs(
        images / 'HR', tmp_path, 4, images / 'LR' if given else None, grid, factors, progress=False
    )
    manifest = read_manifest(made.hr)
    images = find_whole_images(manifest, read_manifest(made.lr), read_keys(made.hr))
    assert len(images) == 3 * len(factors)
    assert sorted(key for image in images for key in image.keys) == sorted(read_keys(made.hr))
    hr_windows, lr_windows = LmdbImages(made.hr), LmdbImages(made.lr)
    for image in images:
        hr, lr = load_pair(image, 4, manifest['mod'])
        for key, (top, left) in zip(image.keys, windows(*hr.shape[:2], grid)):
            assert np.array_equal(hr_windows.rgb(key), hr[top : top + 32, left : left + 32])
            small = lr[top // 4 : top // 4 + 8, left // 4 : left // 4 + 8]
            assert np.array_equal(lr_windows.rgb(key), small)


def test_a_scorer_that_sees_one_pixel_gives_the_same_scores(sub_images: Any) -> None:
    """Without a surrounding nothing differs at window borders: the two ways agree to the last digits."""
    scorer = Scorer('nearest', lambda lr: torch.nn.functional.interpolate(lr, scale_factor=4, mode='nearest'))
    by_window = score_difficulty(sub_images.hr_lmdb, sub_images.lr_lmdb, 4, scorer, progress=False)
    by_image = score_difficulty(sub_images.hr_lmdb, sub_images.lr_lmdb, 4, scorer, whole_image=True, progress=False)
    assert by_image.keys == by_window.keys
    assert by_image.mse == pytest.approx(by_window.mse, rel=1e-10, abs=1e-15)
    assert (by_window.header.scorer, by_image.header.scorer) == ('nearest', 'nearest/whole_image')


@pytest.mark.parametrize(('name', 'least'), [('bicubic', 0.9999), ('network', 0.99)])
def test_real_images_rank_alike(bsr_data: Path, tmp_path: Path, name: str, least: float) -> None:
    for side, folder in (('HR', 'HR'), ('LR', 'LRbicX4')):
        (tmp_path / side).mkdir()
        paths = sorted((bsr_data / 'train' / folder).glob('bsds_*'))
        for path in paths[:: len(paths) // 10][:10]:
            shutil.copy(path, tmp_path / side)
    made = create_subimage_lmdbs(tmp_path / 'HR', tmp_path, 4, tmp_path / 'LR', progress=False)
    if name == 'bicubic':
        scorer = bicubic_scorer(4)
    else:
        from basicsr.archs.srresnet_arch import MSRResNet

        torch.manual_seed(0)
        network = MSRResNet(num_feat=8, num_block=4, upscale=4).eval()
        torch.nn.init.normal_(network.conv_last.weight, std=0.05)
        scorer = Scorer('net', network)
    by_window = score_difficulty(made.hr, made.lr, 4, scorer, progress=False)
    by_image = score_difficulty(made.hr, made.lr, 4, scorer, whole_image=True, progress=False)
    assert len(by_window.keys) > 200
    assert spearman(by_window.mse, by_image.mse) > least
    assert not np.array_equal(by_window.mse, by_image.mse)


def test_moved_images_are_given(sub_images: Any, tmp_path: Path) -> None:
    """The manifest's folders are gone: the error names the option, and with it the scores are the same."""
    for lmdb_path in (sub_images.hr_lmdb, sub_images.lr_lmdb):
        manifest = read_manifest(lmdb_path)
        manifest['source'].update(folder='gone', resolved='/gone')
        (lmdb_path / 'manifest.json').write_text(json.dumps(manifest))
    with pytest.raises(DataError, match='are missing') as caught:
        find(sub_images)
    assert '--hr' in caught.value.remedy
    with pytest.raises(DataError, match='are missing') as caught:
        find(sub_images, hr=sub_images.hr)
    assert '--lr' in caught.value.remedy
    images = find(sub_images, hr=sub_images.hr, lr=sub_images.lr)
    assert {image.hr.parent for image in images} == {sub_images.hr}


def test_changed_and_missing_images_are_refused(sub_images: Any, tmp_path: Path) -> None:
    hr = tmp_path / 'HR'
    shutil.copytree(sub_images.hr, hr)
    image = cv2.imread(str(hr / '0001.png'))
    cv2.imwrite(str(hr / '0001.png'), 255 - image)
    with pytest.raises(DataError, match='not those that the LMDB was made from') as caught:
        find(sub_images, hr=hr)
    assert caught.value.where == hr
    (hr / '0001.png').unlink()
    with pytest.raises(DataError, match='1 images') as caught:
        find(sub_images, hr=hr)
    assert caught.value.found == 'missing: 0001.png'


def test_a_folder_for_lr_that_was_made_is_refused(images: Path, tmp_path: Path) -> None:
    from bsr_plugins.data.subimages.windows import WindowGrid

    made = create_subimage_lmdbs(images / 'HR', tmp_path, 4, grid=WindowGrid(32, 16, 12), progress=False)
    with pytest.raises(OptionError, match='were made from the HR images'):
        find_whole_images(read_manifest(made.hr), read_manifest(made.lr), read_keys(made.hr), lr=images / 'LR')


def test_windows_that_are_not_the_images(sub_images: Any) -> None:
    manifests = read_manifest(sub_images.hr_lmdb), read_manifest(sub_images.lr_lmdb)
    keys = read_keys(sub_images.hr_lmdb)
    with pytest.raises(DataError, match='no image') as caught:
        find_whole_images(*manifests, [*keys, 'zebra_s001'])
    assert caught.value.found == 'zebra_s001'
    images = find_whole_images(*manifests, keys[:-1])
    with pytest.raises(DataError, match='does not hold the windows of'):
        list(score_whole_images(images, bicubic_scorer(4), 4, 4, sub_images.grid, 4))


def test_an_lr_image_of_another_size(sub_images: Any) -> None:
    image = find(sub_images)[0]
    with pytest.raises(DataError, match='divided by 2') as caught:
        load_pair(image, 2, 4)
    assert caught.value.where == image.lr
