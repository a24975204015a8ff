"""A raw image store: its windows are those of the LMDB, views of the files; what is cut short is said, never mapped."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any, Dict, Tuple

import cv2
import numpy as np
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.image_reading import decode_image, read_image
from bsr_plugins.data.images.image_store import check_database, is_keyed, is_store
from bsr_plugins.data.images.lmdb_reader import open_reader
from bsr_plugins.data.subimages.lmdb_images import LmdbImages
from bsr_plugins.data.subimages.lmdb_manifest import read_keys, read_manifest
from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
from bsr_plugins.data.subimages.windows import WindowGrid

# Neither side is a multiple of 12, the windows' modulus, or of the scale.
SIZES = ((41, 50), (25, 30), (49, 33))


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('store')
    (root / 'HR').mkdir()
    for number, (height, width) in enumerate(SIZES):
        image = np.random.default_rng(number).integers(0, 256, (height, width, 3)).astype(np.uint8)
        cv2.imwrite(str(root / 'HR' / f'000{number}.png'), image)
    for layout in ('lmdb', 'images'):
        create_subimage_lmdbs(
            root / 'HR', root, 2, grid=WindowGrid(24, 12, 0), progress=False, layout=layout, degradation='bd'
        )
    return root


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> Path:
    """A copy that may be spoiled."""
    return Path(shutil.copytree(folder / 'HR_images.store', tmp_path / 'HR_images.store'))


def pair(folder: Path, side: str) -> Tuple[Path, Path]:
    names = {'hr': ('HR_sub.lmdb', 'HR_images.store'), 'lr': ('LR_sub_x2.lmdb', 'LR_images_x2.store')}[side]
    return folder / names[0], folder / names[1]


@pytest.mark.parametrize('side', ['hr', 'lr'])
def test_windows_are_those_of_the_lmdb(folder: Path, side: str) -> None:
    lmdb, store = pair(folder, side)
    keys = read_keys(store)
    assert keys == read_keys(lmdb) == sorted(keys) and len(keys) == 3 * 2 + 1 + 3
    ours, theirs = open_reader(store), open_reader(lmdb)
    for key in keys:
        pixels = ours.pixels(key)
        assert np.array_equal(pixels, theirs.pixels(key)) and not pixels.flags.writeable
        assert np.array_equal(ours.image(key), theirs.image(key))
        assert np.array_equal(decode_image(ours.record(key), key), pixels)
    images = LmdbImages(store, reads_per_mapping=2)
    for key in keys[:5]:
        assert np.array_equal(images.rgb(key), theirs.pixels(key)[..., ::-1])
    same = ('crop', 'step', 'threshold', 'mod', 'factors', 'sub_images', 'kind', 'sizes')
    manifests = [read_manifest(path) for path in (lmdb, store)]
    assert all(manifests[0].get(name) == manifests[1].get(name) for name in same)
    assert (manifests[1]['layout'], manifests[1]['encoding']) == ('images', 'raw')


def test_whole_images_have_keys_too(folder: Path) -> None:
    hr, lr = (open_reader(pair(folder, side)[1]) for side in ('hr', 'lr'))
    assert hr.images() == lr.images() == ['0000', '0001', '0002']  # type: ignore[attr-defined]
    for number, (height, width) in enumerate(SIZES):
        key = f'000{number}'
        assert np.array_equal(hr.pixels(key), read_image(folder / 'HR' / f'{key}.png'))
        assert lr.pixels(key).shape == (height // 2, width // 2, 3)


def test_it_holds_pixels_and_nothing_else(folder: Path) -> None:
    assert check_database(folder / 'HR_images.store') == sum(3 * height * width for height, width in SIZES)
    assert check_database(folder / 'HR_sub.lmdb') == (folder / 'HR_sub.lmdb' / 'data.mdb').stat().st_size


@pytest.mark.parametrize('key', ['0000_s000', '0000_s007', '0003_s001', '0000_s', '0000_sx', 'é_s001', ''])
def test_no_such_image(folder: Path, key: str) -> None:
    reader = open_reader(folder / 'HR_images.store')
    assert reader.get(key) is None
    with pytest.raises(DataError, match='has no image'):
        reader.pixels(key)


@pytest.mark.parametrize('name', ['pixels_001.raw', 'images.npy', 'store.json'])
def test_cut_short(store: Path, name: str) -> None:
    content = (store / name).read_bytes()
    (store / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=f'(?s)damaged: .*{name}.*(make it again|copy the whole folder again)'):
        open_reader(store)


def test_cut_short_while_it_is_read(store: Path) -> None:
    reader = open_reader(store)
    before = reader.pixels('0001_s001').copy()
    os.truncate(store / 'pixels_001.raw', 10)
    with pytest.raises(DataError, match=r'(?s)damaged: .*pixels_001.raw.*2,250 bytes.*10 bytes'):
        reader.pixels('0001_s001')
    held = reader.pixels('0002_s001')
    for number in (0, 2):
        (store / f'pixels_00{number}.raw').unlink()
    assert np.array_equal(reader.pixels('0002_s001'), held)
    with pytest.raises(DataError, match='lacks a file'):
        reader.pixels('0000_s001')
    assert before.any()


@pytest.mark.parametrize(
    ('field', 'row', 'value'),
    [('height', 1, 26), ('offset', 1, 2**64 - 1), ('offset', 1, 3), ('file', 1, 2), ('file', 2, 9), ('width', 0, 0)]
    + [('height', 2, 2**32 - 1), ('key', 2, b'0000'), ('key', 1, b'0000'), ('key', 0, b'\xff')],
)
def test_an_index_that_does_not_fit(store: Path, field: str, row: int, value: Any) -> None:
    images = np.load(store / 'images.npy')
    images[field][row] = value
    np.save(store / 'images.npy', images)
    with pytest.raises(DataError, match='its index does not fit its files'):
        open_reader(store)


@pytest.mark.parametrize('kind', ['signed', 'text', 'rows', 'none', 'archive', 'header'])
def test_an_index_of_another_kind(store: Path, kind: str) -> None:
    images = np.load(store / 'images.npy')
    types = {'signed': 'S4,<i4,<i8,<i4,<i4', 'text': 'U4,<u4,<u8,<u4,<u4'}.get(kind)
    if types is not None:
        images = images.astype(list(zip(images.dtype.names, types.split(','))))
    with open(store / 'images.npy', 'wb') as stream:
        if kind == 'archive':
            np.savez(stream, images)
        else:
            np.save(stream, {'rows': images[None], 'none': images[:0]}.get(kind, images))
    if kind == 'header':
        (store / 'images.npy').write_bytes((store / 'images.npy').read_bytes().replace(b')', b'('))
    with pytest.raises(DataError, match='damaged'):
        open_reader(store)


@pytest.mark.parametrize(
    'change', [{'grid': [24, 0, 0]}, {'grid': [-24, 12, 0]}, {'grid': [24, 12, -1]}, {'grid': [24.5, 12, 0]}]
    + [{'mod': 0}, {'mod': True}, {'file_bytes': [float('inf')] * 3}, {'grid': [24, 12]}],
)  # fmt: skip
def test_a_header_with_wrong_numbers(store: Path, change: Dict[str, Any]) -> None:
    header = json.loads((store / 'store.json').read_text())
    (store / 'store.json').write_text(json.dumps({**header, **change}))
    with pytest.raises(DataError, match='(?s)damaged: .*store.json'):
        open_reader(store)


def test_pixels_that_no_image_has(store: Path) -> None:
    header = json.loads((store / 'store.json').read_text())
    header['file_bytes'][1] += 3
    (store / 'store.json').write_text(json.dumps(header))
    with open(store / 'pixels_001.raw', 'ab') as stream:
        stream.write(b'123')
    with pytest.raises(DataError, match='its index does not fit its files'):
        open_reader(store)


def test_a_store_replaced_while_it_is_read(folder: Path, store: Path) -> None:
    reader = open_reader(store)
    before = reader.pixels('0000_s001').copy()
    store.rename(store.with_name('old.store'))
    shutil.copytree(folder / 'HR_images.store', store)
    # What is mapped is held; another file of the same size would be of another store.
    assert np.array_equal(reader.pixels('0000_s001'), before)
    with pytest.raises(DataError, match='replaced while it was read'):
        reader.pixels('0001_s001')


def test_another_version_and_no_store(store: Path, tmp_path: Path) -> None:
    header = json.loads((store / 'store.json').read_text())
    (store / 'store.json').write_text(json.dumps({**header, 'version': 2}))
    with pytest.raises(DataError, match='another release'):
        open_reader(store)
    with pytest.raises(DataError, match='(?s)is no raw image store.*--layout images'):
        open_reader(tmp_path / 'none.store')


def _sum(reader: Any, into: Any) -> None:
    into.send(int(reader.pixels('0001_s001').sum()))


def test_forked_and_pickled(folder: Path) -> None:
    import multiprocessing

    reader = open_reader(folder / 'HR_images.store')
    expected = int(reader.pixels('0001_s001').sum())
    assert pickle.loads(pickle.dumps(reader)) is reader
    receiver, sender = multiprocessing.Pipe()
    process = multiprocessing.get_context('fork').Process(target=_sum, args=(reader, sender))
    process.start()
    assert receiver.recv() == expected
    process.join()


def test_names() -> None:
    assert is_store('data/HR_images.store/') and not is_store('data/HR_sub.lmdb')
    assert is_keyed('a.lmdb') and is_keyed(Path('a.store')) and not is_keyed('a')
