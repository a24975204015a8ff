"""Images of folders and LMDBs by their keys, and what reading them once shows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bsr_plugins.common.errors import DataError, ImageFileError
from bsr_plugins.data.saliency.source_images import images_of_folder, images_of_lmdb, manifest_entry, survey
from bsr_plugins.data.subimages.lmdb_writer import LMDBWriter


def draw(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / 'LR').mkdir()
    for seed, name in enumerate(('b', 'a.1', 'c')):
        cv2.imwrite(str(tmp_path / 'LR' / f'{name}.png'), draw(seed, 5, 6 + seed))
    (tmp_path / 'LR' / 'note.txt').write_text('no image')
    return tmp_path / 'LR'


def as_lmdb(path: Path, folder: Path, ending: str = '.bmp') -> Path:
    writer = LMDBWriter(path, {})
    for image in folder.glob('*.png'):
        content = cv2.imencode(ending, cv2.imread(str(image)))[1].tobytes()
        writer.put([(image.stem.replace('.', '-'), content)])
    writer.complete('(1,1,3) 1')
    writer.move_into_place()
    return path


def test_a_folder_and_an_lmdb_of_it(folder: Path, tmp_path: Path) -> None:
    images, stored = images_of_folder(folder), images_of_lmdb(as_lmdb(tmp_path / 'LR.lmdb', folder))
    assert images.keys == stored.keys == ['a-1', 'b', 'c']
    for key in images.keys:
        assert np.array_equal(images.read(key), stored.read(key))
    assert images.read('a-1').shape == (5, 7, 3)
    seen: list = []
    found = survey(images, lambda: seen.append(1))
    assert found.sizes == [(5, 7), (5, 6), (5, 8)] and len(seen) == 3
    # However they are stored.
    assert survey(stored) == found
    assert manifest_entry(stored, found) == {
        'folder': str(tmp_path / 'LR.lmdb'),
        'resolved': str(tmp_path / 'LR.lmdb'),
        'layout': 'lmdb',
        'fingerprint': found.fingerprint,
    }


def test_a_changed_pixel_changes_the_fingerprint(folder: Path) -> None:
    before = survey(images_of_folder(folder))
    changed = draw(0, 5, 6)
    changed[2, 3, 1] ^= 1
    cv2.imwrite(str(folder / 'b.png'), changed)
    after = survey(images_of_folder(folder))
    assert after.sizes == before.sizes and after.fingerprint != before.fingerprint


def test_another_name_changes_the_fingerprint(folder: Path) -> None:
    before = survey(images_of_folder(folder))
    (folder / 'b.png').rename(folder / 'b2.png')
    after = survey(images_of_folder(folder))
    assert after.sizes == before.sizes and after.fingerprint != before.fingerprint


def test_all_damaged_images_are_named(folder: Path) -> None:
    (folder / 'b.png').write_bytes(b'\x89PNG cut')
    with pytest.raises(DataError, match=r'b\.png is damaged'):
        survey(images_of_folder(folder))
    cv2.imwrite(str(folder / 'c.png'), np.zeros((4, 4, 3), np.uint16))
    with pytest.raises(DataError, match=r'(?s)2 of 3 images cannot be read.*b\.png.*c\.png has more than 8 bits'):
        survey(images_of_folder(folder))


def test_missing_ones(folder: Path, tmp_path: Path) -> None:
    images = images_of_folder(folder)
    (folder / 'b.png').unlink()
    with pytest.raises(ImageFileError, match=r'b\.png cannot be read'):
        survey(images)
    for make in (images_of_folder, images_of_lmdb):
        with pytest.raises(DataError, match='no '):
            make(tmp_path / 'nothing')
