"""The maps that data sets read: by key, of the right image; every other one is refused by name."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Dict

import lmdb
import numpy as np
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.saliency.saliency_maps import SaliencyMaps, saliency_key
from bsr_plugins.data.saliency.saliency_record import cell_means, encode_map, source_of
from tests.support.saliency_maps import red, write_maps

Images = Dict[str, np.ndarray]


@pytest.fixture
def images() -> Images:
    rng = np.random.default_rng(0)
    return {key: rng.integers(0, 256, size).astype(np.uint8) for key, size in (('a', (6, 9, 3)), ('b-x', (5, 4, 3)))}


@pytest.fixture
def path(images: Images, tmp_path: Path) -> Path:
    return write_maps(tmp_path / 'maps.lmdb', images)


def test_a_map_has_the_size_of_its_image(images: Images, path: Path) -> None:
    maps = SaliencyMaps(path, 'LR')
    maps.check_keys(images)
    for key, image in images.items():
        assert np.array_equal(maps.read(key, image), red(image)[..., None])
        assert np.array_equal(pickle.loads(pickle.dumps(maps)).read(key, image), red(image)[..., None])


def test_a_pixel_reads_its_cell(images: Images, tmp_path: Path) -> None:
    found = SaliencyMaps(write_maps(tmp_path / 'coarse.lmdb', images, cell=4), 'LR').read('a', images['a'])
    means = np.rint(cell_means(red(images['a']), 4))
    assert found.shape == (6, 9, 1)
    assert found[3, 3] == means[0, 0] and found[4, 3] == means[1, 0] and found[5, 8] == means[1, 2]


def test_keys() -> None:
    assert saliency_key('/data/LR/a.b x4.png', False) == 'a-b x4'
    assert saliency_key('a_s001', True) == 'a_s001'


def test_images_without_a_map_are_named(images: Images, path: Path) -> None:
    maps = SaliencyMaps(path, 'data/LR')
    with pytest.raises(DataError, match=r'(?s)2 images have no saliency map.*none of c, d') as caught:
        maps.check_keys(['a', 'c', 'd'])
    assert str(path) in str(caught.value) and f'saliency -opt TEST.yml --lq data/LR --out {path}' in str(caught.value)
    with pytest.raises(DataError, match='1 image has no saliency map'):
        maps.read('c', images['a'])


def test_maps_of_other_images_are_refused(images: Images, path: Path) -> None:
    maps = SaliencyMaps(path, 'data/LR.lmdb')
    changed = images['a'].copy()
    changed[0, 0, 0] ^= 1
    for image, problem in ((changed, 'another content'), (images['a'][:5], r'(?s)another size.*5 x 9.*map of 6 x 9')):
        with pytest.raises(DataError, match=problem) as caught:
            maps.read('a', image)
        assert f'{path}: a' in str(caught.value) and '--lq-lmdb data/LR.lmdb' in str(caught.value)


@pytest.mark.parametrize(
    'spoil, problem',
    [
        (lambda path: shutil.rmtree(path), '^no LMDB folder'),
        (lambda path: (path / 'manifest.json').unlink(), r'has no manifest\.json'),
        (lambda path: _edit(path, kind='lr'), r"(?s)wrong entry 'kind'.*saliency"),
        (lambda path: _edit(path, count=None), "wrong entry 'count'"),
        (lambda path: (path / 'data.mdb').write_bytes(b'no'), 'LMDB'),
    ],
)
def test_what_is_no_lmdb_of_maps(path: Path, spoil: object, problem: str) -> None:
    spoil(path)  # type: ignore[operator]
    with pytest.raises(DataError, match=problem) as caught:
        SaliencyMaps(path, 'LR')
    assert 'make it' in str(caught.value)


@pytest.mark.parametrize('record', [b'', b'\x89PNG', b'x' * 200])
def test_damaged_records(images: Images, path: Path, record: bytes) -> None:
    with lmdb.open(str(path), map_size=1 << 20) as env, env.begin(write=True) as transaction:
        transaction.put(b'a', record)
    with pytest.raises(DataError, match="map of 'a' is damaged"):
        SaliencyMaps(path, 'LR').read('a', images['a'])


def test_a_record_with_other_cells_than_its_image_has_is_damaged(images: Images, path: Path) -> None:
    record = encode_map(np.zeros((6, 8), np.uint8), source_of(images['a'], 1))
    with lmdb.open(str(path), map_size=1 << 20) as env, env.begin(write=True) as transaction:
        transaction.put(b'a', record)
    with pytest.raises(DataError, match="map of 'a' is damaged"):
        SaliencyMaps(path, 'LR').read('a', images['a'])


def _edit(path: Path, **changes: object) -> None:
    manifest = path / 'manifest.json'
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))
