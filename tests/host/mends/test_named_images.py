"""Whatever BasicSR's data functions cannot read is named, whichever data set asks."""

from __future__ import annotations

import importlib.util
import pickle
import sys

import cv2
import numpy as np
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.host.mends import named_images

pytest.importorskip('basicsr')


def fresh(name):
    """A module of BasicSR as upstream has it, executed anew."""
    spec = importlib.util.find_spec(f'basicsr.{name}')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def modules():
    client, images, transforms = (fresh(name) for name in ('utils.file_client', 'utils.img_util', 'data.transforms'))
    assert named_images.name_what_is_read(client)
    assert named_images.name_what_is_decoded(images)
    assert named_images.name_what_is_cropped(transforms)
    assert not named_images.name_what_is_read(client)
    assert not named_images.name_what_is_decoded(images)
    assert not named_images.name_what_is_cropped(transforms)
    return client, images, transforms


@pytest.fixture
def path(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    return tmp_path / 'a.png'


def read(modules, path):
    client, images, _ = modules
    return images.imfrombytes(client.FileClient('disk').get(path, 'gt'), float32=True)


def test_whole_images_are_read_as_before(modules, path):
    assert np.array_equal(read(modules, path), fresh('utils.img_util').imfrombytes(path.read_bytes(), float32=True))


def spoil_nothing(path):
    path.write_bytes(b'')


def spoil_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil_text(path):
    path.write_text('<html>')


def spoil_tiff(path):
    # 2**31 pixels: OpenCV refuses by an exception.
    image = cv2.imencode('.tiff', np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    for tag in (0x100, 0x101):
        place = image.index(tag.to_bytes(2, 'little') + b'\x03\0\x01\0\0\0')
        image = image[: place + 2] + b'\x04\0\x01\0\0\0' + (48000).to_bytes(4, 'little') + image[place + 12 :]
    path.write_bytes(image)


@pytest.mark.parametrize('spoil', [spoil_nothing, spoil_half, spoil_text, spoil_tiff], ids=lambda each: each.__name__)
def test_an_image_that_is_damaged_is_named(modules, path, spoil):
    spoil(path)
    with pytest.raises(DataError, match=r'a\.png is damaged or not an image') as caught:
        read(modules, path)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def spoil_gone(path):
    path.unlink()


def spoil_folder(path):
    path.unlink()
    path.mkdir()


def spoil_link(path):
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize('spoil', [spoil_gone, spoil_folder, spoil_link], ids=lambda each: each.__name__)
def test_a_file_that_cannot_be_read_is_named(modules, path, spoil):
    spoil(path)
    # RealESRGANDataset answers an OSError with another image.
    with pytest.raises(OSError, match=r'a\.png cannot be read') as caught:
        read(modules, path)
    assert isinstance(caught.value, DataError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_both_are_read_before_they_are_decoded(modules, path):
    client, images, _ = modules
    other = path.with_name('b.png')
    other.write_bytes(path.read_bytes()[:-9])
    whole, half = (client.FileClient('disk').get(each) for each in (path, other))
    assert images.imfrombytes(whole).shape == (12, 16, 3)
    with pytest.raises(DataError, match=r'b\.png is damaged'):
        images.imfrombytes(half)
    with pytest.raises(DataError, match=r'b\.png is damaged'):
        images.imfrombytes(half, 'unchanged')


def test_records_of_lmdbs_are_named(modules, tmp_path):
    lmdb = pytest.importorskip('lmdb')
    folder = str(tmp_path / 'a.lmdb')
    with lmdb.open(folder, map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        transaction.put(b'bad', b'no image')
    client = modules[0].FileClient('lmdb', db_paths=[folder], client_keys=['gt'])
    with pytest.raises(DataError, match=r'a\.lmdb: bad is damaged'):
        modules[1].imfrombytes(client.get('bad', 'gt'))
    for key in ('absent', 'n\u00e4h', ''):
        with pytest.raises(DataError, match='has no record'):
            client.get(key, 'gt')


@pytest.mark.parametrize(('shape', 'words'), [((20, 20, 3), 'Scale mismatches'), ((8, 8, 3), 'smaller than patch')])
def test_a_pair_that_cannot_be_cropped_is_named(modules, path, shape, words):
    gt, lq = np.zeros(shape, np.float32), np.zeros((4, 4, 3), np.float32)
    for arguments in ((gt, lq, 32, 2, 'gt/a.png'), (gt, lq, 32, 2)):
        read(modules, path)
        with pytest.raises(DataError, match=words) as caught:
            modules[2].paired_random_crop(*arguments)
        assert 'a.png' in caught.value.problem
    assert [part.shape for part in modules[2].paired_random_crop(np.zeros((8, 8, 3)), lq, 4, 2)] == [
        (4, 4, 3),
        (2, 2, 3),
    ]


def test_folders_and_lists_that_do_not_pair_are_named(tmp_path, path):
    data_util = fresh('data.data_util')
    assert named_images.name_what_is_listed(data_util)
    assert not named_images.name_what_is_listed(data_util)
    for name in ('HR', 'LR'):
        (tmp_path / name).mkdir()
    folders = [str(tmp_path / 'LR'), str(tmp_path / 'HR')]
    assert data_util.paired_paths_from_folder(folders, ['lq', 'gt'], '{}') == []
    (tmp_path / 'HR' / 'a.png').write_bytes(path.read_bytes())
    with pytest.raises(DataError, match='do not pair') as caught:
        data_util.paired_paths_from_folder(folders, ['lq', 'gt'], '{}x4')
    assert '<name>x4' in caught.value.expected and folders[1] in caught.value.where
    for wrong in ([folders[0], 'none'], [folders, folders], [folders[0], None]):
        with pytest.raises(DataError):
            data_util.paired_paths_from_folder(wrong, ['lq', 'gt'], '{}')
    with pytest.raises(DataError, match=r'cannot be listed: none\.txt'):
        data_util.paired_paths_from_meta_info_file(folders, ['lq', 'gt'], 'none.txt', '{}')
    with pytest.raises(DataError):
        data_util.paths_from_lmdb(folders[0])
    (tmp_path / 'HR' / 'a.png').write_text('text')
    with pytest.raises(DataError, match=r'a\.png is damaged'):
        data_util.read_img_seq(folders[1])


def test_modules_of_basicsr_hold_the_mended_functions():
    import basicsr.data.paired_image_dataset as data
    import basicsr.data.reds_dataset as video

    for function in (data.imfrombytes, data.paired_random_crop, data.paired_paths_from_folder, video.imfrombytes):
        assert getattr(function, named_images._MARK, False), function
    assert getattr(sys.modules['basicsr.utils'].FileClient.get, named_images._MARK)
