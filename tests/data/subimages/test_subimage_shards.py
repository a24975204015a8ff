"""Sub-images in shards and of several folders, in both layouts: the same bytes as by one process."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Dict

import cv2
import numpy as np
import pytest

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.shard import Shard
from bsr_plugins.common.shard_files import shard_path
from bsr_plugins.data.subimages import making, subimage_lmdb
from bsr_plugins.data.subimages.lmdb_manifest import read_keys, read_manifest
from bsr_plugins.data.subimages.subimage_lmdb import Created, create_subimage_lmdbs
from bsr_plugins.data.subimages.windows import WindowGrid

LAYOUTS = ('lmdb', 'images')


def fill(folder: Path, names: str, seed: int = 0) -> None:
    """Write HR images of 16 x (16 + 4 i) and their x2 LR ones."""
    rng = np.random.default_rng(seed)
    for place in (folder / 'HR', folder / 'X2'):
        place.mkdir(parents=True)
    for number, name in enumerate(names):
        image = rng.integers(0, 256, (16, 16 + 4 * number, 3), np.uint8)
        cv2.imwrite(str(folder / 'HR' / f'{name}.png'), image)
        cv2.imwrite(str(folder / 'X2' / f'{name}.png'), image[::2, ::2])


@pytest.fixture(scope='module')
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('images')
    fill(root / 'A', 'abcde')
    fill(root / 'B', 'efg', seed=1)
    return root


def make(images: Path, out: Path, **changes: Any) -> Created:
    options: Dict[str, Any] = {'lr': images / 'A' / 'X2', 'grid': WindowGrid(8, 4, 0), 'workers': 1, **changes}
    return create_subimage_lmdbs(options.pop('hr', images / 'A' / 'HR'), out, 2, progress=False, **options)


def files_of(folder: Path) -> Dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


@pytest.fixture
def small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subimage_lmdb, '_TRANSACTION_BYTES', 5000)


@pytest.mark.usefixtures('small_transactions')
@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('changes', [{}, {'lr': None, 'factors': (1.0, 0.75)}], ids=['lr', 'pyramid'])
def test_shards_make_the_same_bytes(images: Path, tmp_path: Path, layout: str, changes: Dict[str, Any]) -> None:
    whole = make(images, tmp_path / 'one', layout=layout, **changes)
    missing = []
    for number in (3, 1, 4, 2):
        made = make(images, tmp_path / 'four', layout=layout, shard=Shard(number, 4), **changes)
        missing.append(list(made.missing))
    assert missing == [[1, 2, 4], [2, 4], [2], []]
    assert (made.sub_images, [path.name for path in made.made]) == (
        whole.sub_images,
        [path.name for path in whole.made],
    )
    assert files_of(tmp_path / 'four') == files_of(tmp_path / 'one')
    again = make(images, tmp_path / 'four', layout=layout, shard=Shard(1, 4), **changes)
    assert (again.made, again.missing, again.sub_images) == ([], (), whole.sub_images)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_more_shards_than_images_and_a_further_scale(images: Path, tmp_path: Path, layout: str) -> None:
    for out, shards in (('one', [None]), ('nine', [Shard(number, 9) for number in range(1, 10)])):
        make(images, tmp_path / out, layout=layout)
        for shard in shards:
            created = create_subimage_lmdbs(
                images / 'A' / 'HR',
                tmp_path / out,
                4,
                grid=WindowGrid(8, 4, 0),
                progress=False,
                layout=layout,
                shard=shard,
            )
        assert created.sub_images and created.hr not in created.made
    assert files_of(tmp_path / 'nine') == files_of(tmp_path / 'one')


class KilledError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('where', ['reading', 'putting together'])
def test_killed_shards_are_continued(
    images: Path, tmp_path: Path, layout: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(images, tmp_path / 'one', layout=layout)
    make(images, tmp_path / 'two', layout=layout, shard=Shard(1, 2))

    def killed(*arguments: Any, **options: Any) -> Any:
        raise KilledError

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        if where == 'reading':
            patch.setattr(making.ThreadPoolExecutor, 'submit', killed)
        else:
            patch.setattr('bsr_plugins.data.subimages.subimage_lmdb.ShardRecords.read', killed)
            patch.setattr('bsr_plugins.data.subimages.subimage_store.write_index', killed)
        make(images, tmp_path / 'two', layout=layout, shard=Shard(2, 2))
    last = make(images, tmp_path / 'two', layout=layout, shard=Shard(2 if where == 'reading' else 1, 2))
    assert last.sub_images == len(read_keys(last.hr)) and last.images == (2 if where == 'reading' else 0)
    assert files_of(tmp_path / 'two') == files_of(tmp_path / 'one')


def test_damaged_shards_are_made_anew(images: Path, tmp_path: Path) -> None:
    make(images, tmp_path, shard=Shard(1, 2))
    data = shard_path(tmp_path / 'sub_x2', Shard(1, 2)) / 'HR_sub.lmdb' / 'data.mdb'
    data.write_bytes(data.read_bytes()[:5000])
    assert list(make(images, tmp_path, shard=Shard(2, 2)).missing) == [1]
    assert list(make(images, tmp_path, shard=Shard(1, 2)).missing) == []


def test_a_cut_file_of_a_store_is_made_anew(images: Path, tmp_path: Path) -> None:
    make(images, tmp_path, shard=Shard(1, 2), layout='images')
    raw = tmp_path / 'LR_images_x2.store.partial' / 'pixels_002.raw'
    raw.write_bytes(raw.read_bytes()[:-1])
    assert list(make(images, tmp_path, shard=Shard(2, 2), layout='images').missing) == [1]
    assert make(images, tmp_path, shard=Shard(1, 2), layout='images').images == 1


def test_a_store_that_another_shard_has_just_begun(images: Path, tmp_path: Path) -> None:
    (tmp_path / 'HR_images.store.partial').mkdir()
    assert make(images, tmp_path, shard=Shard(1, 2), layout='images').images == 3


def test_a_shard_of_another_request(images: Path, tmp_path: Path) -> None:
    for layout in LAYOUTS:
        make(images, tmp_path, shard=Shard(1, 2), layout=layout, grid=WindowGrid(8, 8, 0))
    found = '(?s)part of something else.*--step 8 there, 4 asked for.*delete .*sub_x2.shard_1_of_2'
    for shard in (Shard(2, 2), Shard(1, 2), Shard(1, 3)):
        with pytest.raises(DataError, match=found):
            make(images, tmp_path, shard=shard)
    shutil.rmtree(shard_path(tmp_path / 'sub_x2', Shard(1, 2)))
    assert list(make(images, tmp_path, shard=Shard(2, 2)).missing) == [1]
    with pytest.raises(DataError, match='(?s)part of something else.*delete .*HR_images.store.partial'):
        make(images, tmp_path, shard=Shard(2, 2), layout='images')
    make(images, tmp_path, layout='images')
    with pytest.raises(DataError, match=r'(?s)not what is asked for.*--thresh 0 there, 4 asked for'):
        make(images, tmp_path, layout='images', grid=WindowGrid(8, 4, 4))


def test_a_shard_that_lacks_an_image(images: Path, tmp_path: Path) -> None:
    make(images, tmp_path, shard=Shard(1, 2))
    lmdb = shard_path(tmp_path / 'sub_x2', Shard(1, 2)) / 'HR_sub.lmdb'
    make(images, tmp_path / 'other', shard=Shard(2, 2))
    other = shard_path(tmp_path / 'other' / 'sub_x2', Shard(2, 2)) / 'HR_sub.lmdb'
    shutil.rmtree(lmdb)
    shutil.copytree(other, lmdb)
    with pytest.raises(DataError, match='(?s)lacks an image: a.*delete .*shard_1_of_2 and make this shard again'):
        make(images, tmp_path, shard=Shard(2, 2))


def test_one_run_at_a_time_but_shards_together(images: Path, tmp_path: Path) -> None:
    with making.locked(tmp_path, shared=True):
        make(images, tmp_path, shard=Shard(1, 2))
        with pytest.raises(DataError, match='another run is making sub-images'):
            make(images, tmp_path)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_several_folders_in_one_set(images: Path, tmp_path: Path, layout: str) -> None:
    """Both have an image e, so that the folder's name begins all keys."""
    with pytest.raises(DataError, match="(?s)1 name is in several folders, and so are the folders' own.*rename one"):
        make(images, tmp_path / 'out', hr=[images / 'A' / 'HR', images / 'B' / 'HR'], lr=None, layout=layout)
    for name in 'AB':
        shutil.copytree(images / name / 'HR', tmp_path / f'set_{name}')
    folders = [tmp_path / 'set_A', tmp_path / 'set_B']
    made = make(
        images,
        tmp_path / 'out',
        hr=folders,
        lr=[images / name / 'X2' for name in 'AB'],
        layout=layout,
        shard=Shard(1, 1),
    )
    prefixes = sorted({key.rpartition('_s')[0] for key in read_keys(made.lr)})
    assert prefixes == ['set_A_a', 'set_A_b', 'set_A_c', 'set_A_d', 'set_A_e', 'set_B_e', 'set_B_f', 'set_B_g']
    source = read_manifest(made.hr)['source']
    assert source['folders'] == [str(folder) for folder in folders] and source['resolved'] == str(tmp_path)
    assert source['images']['set_B_e'] == 'set_B/e.png'
    with pytest.raises(OptionError, match='(?s)do not name as many folders.*2 folders, one for each of --hr'):
        make(images, tmp_path / 'out', hr=folders, layout=layout)


def test_names_that_do_not_collide_stay(images: Path, tmp_path: Path) -> None:
    fill(tmp_path / 'C', 'xy')
    made = make(images, tmp_path / 'out', hr=[images / 'A' / 'HR', tmp_path / 'C' / 'HR'], lr=None)
    assert sorted({key[0] for key in read_keys(made.hr)}) == list('abcdexy')
