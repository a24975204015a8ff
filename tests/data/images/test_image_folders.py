"""Folders, keys, pairs and fingerprints."""

from __future__ import annotations

import shutil

import pytest

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.images.image_folders import by_key, fingerprint, image_key, list_images, pair_images, some_of


@pytest.fixture
def make(tmp_path):
    def fill(folder, *names):
        (tmp_path / folder).mkdir(exist_ok=True)
        for name in names:
            (tmp_path / folder / name).write_bytes(name.encode())
        return tmp_path / folder

    return fill


def test_images_come_sorted_without_other_files(make):
    folder = make('hr', 'b.png', 'a.JPG', 'notes.txt', '.hidden.png', 'Thumbs.db')
    (folder / 'folder.png').mkdir()
    assert [path.name for path in list_images(folder)] == ['a.JPG', 'b.png']


def test_missing_and_empty_folders_are_named(make, tmp_path):
    with pytest.raises(DataError, match=r'no folder .*absent'):
        list_images(tmp_path / 'absent')
    with pytest.raises(DataError, match='no image in folder') as caught:
        list_images(make('empty', 'notes.txt'))
    assert '1 file of other kinds' in str(caught.value)
    with pytest.raises(DataError, match='an empty folder'):
        list_images(make('nothing'))


def test_a_folder_of_folders_gives_their_names(make):
    make('lr').joinpath('X4').mkdir()
    with pytest.raises(DataError, match='folders X4'):
        list_images(make('lr'))


def test_keys_have_no_dot():
    assert image_key('0.9_a.b') == '0-9_a-b'


@pytest.mark.parametrize('name', ['café', 'a\nb'])
def test_names_that_basicsr_cannot_look_up_are_refused(name):
    with pytest.raises(DataError, match='cannot be an LMDB key'):
        image_key(name)


@pytest.mark.parametrize('names', [('a.png', 'a.jpg'), ('a.b.png', 'a-b.png')])
def test_two_files_with_one_key_are_refused(make, names):
    with pytest.raises(DataError, match='would have the same key') as caught:
        by_key(list_images(make('hr', *names)))
    assert all(name in str(caught.value) for name in names)


def test_hr_template(make):
    assert list(by_key(list_images(make('hr', '1_HR.png', '2_HR.png')), '{}_HR')) == ['1', '2']
    with pytest.raises(DataError, match='1 file does not match the template {}_HR'):
        by_key(list_images(make('hr', '3.png')), '{}_HR')


@pytest.mark.parametrize('template', ['', 'x4', '{}{}'])
def test_templates_without_one_place_are_refused(make, template):
    with pytest.raises(OptionError, match='must contain {} exactly once'):
        by_key(list_images(make('hr', 'a.png')), template)


@pytest.mark.parametrize(
    ('lr', 'template'),
    [('{}x4.png', None), ('{}.png', None), ('{}.bmp', None), ('lr_{}.png', 'lr_{}'), ('{}-small.png', '{}-small')],
)
def test_pairs_by_name(make, lr, template):
    hr = by_key(list_images(make('hr', '0001.png', '0002.png', 'a.b.png')))
    folder = make('lr', *(lr.format(stem) for stem in ('0001', '0002', 'a.b')))
    pairs = pair_images(hr, list_images(folder), 4, template)
    assert {key: path.name for key, path in pairs.items()} == {
        '0001': lr.format('0001'),
        '0002': lr.format('0002'),
        'a-b': lr.format('a.b'),
    }


def test_unpaired_files_of_both_sides_are_listed_up_to_ten(make):
    hr = by_key(list_images(make('hr', *(f'{number:02d}.png' for number in range(14)))))
    with pytest.raises(DataError) as caught:
        pair_images(hr, list_images(make('lr', '00x4.png', '01x2.png', 'stranger.png')), 4)
    text = str(caught.value)
    assert '13 HR images have no LR image (01.png, 02.png' in text
    assert '10.png and 3 more)' in text
    assert '2 LR images have no HR image (01x2.png, stranger.png)' in text
    assert '<name>x4 or <name>' in text


def test_two_lr_images_for_one_hr_image_are_refused(make):
    hr = by_key(list_images(make('hr', 'a.png')))
    with pytest.raises(DataError, match='2 LR images for') as caught:
        pair_images(hr, list_images(make('lr', 'a.png', 'ax4.png')), 4)
    assert 'ax4.png' in str(caught.value)


def test_fingerprint_tells_content_and_names_but_not_places(make, tmp_path):
    first = fingerprint(by_key(list_images(make('hr', 'a.png', 'b.png'))))
    shutil.copytree(tmp_path / 'hr', tmp_path / 'copy')
    assert fingerprint(by_key(list_images(tmp_path / 'copy'))) == first
    (tmp_path / 'copy' / 'a.png').write_bytes(b'A.png')
    assert fingerprint(by_key(list_images(tmp_path / 'copy'))) != first
    assert fingerprint(by_key(list_images(make('hr', 'c.png')))) != first


def test_some_of_counts_the_rest():
    assert some_of(range(3)) == '0, 1, 2'
    assert some_of(range(12)) == '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more'


@pytest.mark.parametrize('file', ['data.mdb', 'store.json'])
def test_figures_in_an_lmdb_or_a_store_are_no_images_of_a_set(make, file):
    with pytest.raises(DataError, match='(?s)no folder of images.*that it was made of'):
        list_images(make('made', file, 'difficulty_x4_histogram.png'))
