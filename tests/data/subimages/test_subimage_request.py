"""Parameters checked against each other, manifests, and outputs that exist already."""

from __future__ import annotations

import shutil

import cv2
import lmdb
import numpy as np
import pytest

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.subimages.lmdb_manifest import write_manifest
from bsr_plugins.data.subimages.subimage_request import is_complete, make_request
from bsr_plugins.data.subimages.windows import WindowGrid


@pytest.fixture
def folders(tmp_path):
    for folder, side in (('hr', 96), ('lr', 24)):
        (tmp_path / folder).mkdir()
        for name in 'ab':
            image = np.random.default_rng(ord(name)).integers(0, 256, (side, side, 3), np.uint8)
            cv2.imwrite(str(tmp_path / folder / f'{name}.png'), image)
    return tmp_path


GRID = WindowGrid(48, 24, 0)


def request_of(folders, **changes):
    arguments = {'hr': folders / 'hr', 'lr': folders / 'lr', 'scale': 4, 'grid': GRID, **changes}
    return make_request(**arguments)


@pytest.fixture
def existing(folders):
    """A folder that looks finished, made with the usual request."""
    path = folders / 'HR_sub.lmdb'
    lmdb.open(str(path), map_size=1 << 20).close()
    (path / 'meta_info.txt').write_text('x')
    write_manifest(path, {**request_of(folders).hr_manifest, 'sub_images': 18})
    return path


def test_the_hr_manifest_knows_no_scale(folders):
    first, second = request_of(folders), request_of(folders, scale=2, lr=None)
    assert first.hr_manifest == second.hr_manifest
    assert first.lr_manifest['scale'] == 4
    assert second.lr_manifest['source'] is None
    assert first.lr_manifest['hr'] == first.hr_manifest['source']['fingerprint']


def test_the_manifest_says_where_the_images_are(folders):
    source = request_of(folders).hr_manifest['source']
    assert source['resolved'] == str((folders / 'hr').resolve())
    assert source['images'] == {'a': 'a.png', 'b': 'b.png'}


def test_prefixes_of_the_pyramid_have_no_dot(folders):
    request = request_of(folders, factors=[0.6, 1, 0.9])
    assert request.prefixes() == [
        ('a', 'a', 1.0),
        ('b', 'b', 1.0),
        ('0-9_a', 'a', 0.9),
        ('0-9_b', 'b', 0.9),
        ('0-6_a', 'a', 0.6),
        ('0-6_b', 'b', 0.6),
    ]


def test_a_name_that_meets_a_prefix_is_refused(folders):
    shutil.copy(folders / 'hr' / 'a.png', folders / 'hr' / '0.9_a.png')
    with pytest.raises(DataError, match='would have the same key 0-9_a'):
        request_of(folders, lr=None, factors=[1, 0.9])


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'factors': []}, 'different numbers'),
        ({'factors': [1, 1]}, 'different numbers'),
        ({'factors': [0]}, 'different numbers'),
        ({'factors': [1.5]}, 'different numbers'),
        ({'factors': [0.9]}, 'has no 1 that would use it'),
        ({'scale': 5}, 'crop 48, .*not divisible by the scale 5'),
        ({'encoding': 'jpg'}, "unknown encoding 'jpg'"),
    ],
)
def test_wrong_parameters_are_refused(folders, changes, words):
    with pytest.raises(OptionError, match=words):
        request_of(folders, **changes)


def test_nothing_there_is_no_error(folders):
    assert not is_complete(folders / 'absent.lmdb', request_of(folders).hr_manifest)


def test_the_same_request_stands_even_from_a_moved_folder(folders, existing):
    assert is_complete(existing, request_of(folders).hr_manifest)
    (folders / 'hr').rename(folders / 'moved')
    assert is_complete(existing, request_of(folders, hr=folders / 'moved').hr_manifest)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'grid': WindowGrid(72, 24, 0)}, '--crop 48 there, 72 asked for'),
        ({'grid': WindowGrid(48, 12, 0)}, '--step 24 there, 12 asked for'),
        ({'grid': WindowGrid(48, 24, 12)}, '--thresh 0 there, 12 asked for'),
        ({'encoding': 'bmp'}, '--encoding png-fast there, bmp asked for'),
        ({'factors': [1, 0.9]}, r'--factors \[1\.0\] there, \[1\.0, 0\.9\] asked for'),
        ({'scale': 8, 'lr': None}, 'sides cropped to multiples of 12 there, 24 asked for'),
    ],
)
def test_every_difference_is_named(folders, existing, changes, words):
    with pytest.raises(DataError, match='exists and is not what is asked for') as caught:
        is_complete(existing, request_of(folders, **changes).hr_manifest)
    caught.match(words)
    caught.match('give another --out, or delete')


def test_other_images_are_named(folders, existing):
    shutil.copy(folders / 'hr' / 'a.png', folders / 'hr' / 'c.png')
    (folders / 'hr' / 'b.png').unlink()
    with pytest.raises(DataError, match=r'gone: b\.png, new: c\.png'):
        is_complete(existing, request_of(folders, lr=None).hr_manifest)


def test_changed_images_are_noticed(folders, existing):
    shutil.copy(folders / 'hr' / 'a.png', folders / 'hr' / 'b.png')
    with pytest.raises(DataError, match='same names but different content'):
        is_complete(existing, request_of(folders).hr_manifest)


def test_given_and_made_lr_are_told_apart(folders):
    path = folders / 'LR_sub_x4.lmdb'
    lmdb.open(str(path), map_size=1 << 20).close()
    (path / 'meta_info.txt').write_text('x')
    write_manifest(path, {**request_of(folders).lr_manifest, 'sub_images': 18})
    with pytest.raises(DataError, match='it was made with --lr, which is absent now'):
        is_complete(path, request_of(folders, lr=None).lr_manifest)
    write_manifest(path, {**request_of(folders, lr=None).lr_manifest, 'sub_images': 18})
    with pytest.raises(DataError, match='its LR images were made from HR, but --lr is given'):
        is_complete(path, request_of(folders).lr_manifest)


@pytest.mark.parametrize('missing', ['data.mdb', 'meta_info.txt', 'manifest.json'])
def test_folders_of_other_tools_are_left_alone(folders, existing, missing):
    (existing / missing).unlink()
    with pytest.raises(DataError, match='was not made by this tool'):
        is_complete(existing, request_of(folders).hr_manifest)


def test_a_database_cut_short_is_not_complete(folders, existing):
    assert is_complete(existing, request_of(folders).hr_manifest)
    with open(existing / 'data.mdb', 'r+b') as stream:
        stream.truncate(5000)
    with pytest.raises(DataError, match='The LMDB is cut short'):
        is_complete(existing, request_of(folders).hr_manifest)
