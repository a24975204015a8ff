"""manifest.json and meta_info.txt of a sub-image LMDB."""

from __future__ import annotations

import hashlib

import pytest

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.data.subimages.lmdb_manifest import manifest_sha256, read_keys, read_manifest, write_manifest


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'HR_sub.lmdb'
    path.mkdir()
    return path


def test_round_trip_and_hash_of_the_bytes(folder):
    write_manifest(folder, {'format': 1, 'kind': 'hr', 'sub_images': 3})
    assert read_manifest(folder) == {'format': 1, 'kind': 'hr', 'sub_images': 3}
    assert manifest_sha256(folder) == hashlib.sha256((folder / 'manifest.json').read_bytes()).hexdigest()


def test_the_same_content_has_the_same_hash_in_any_order_of_writing(folder):
    write_manifest(folder, {'format': 1, 'crop': 128, 'step': 64})
    first = manifest_sha256(folder)
    write_manifest(folder, {'step': 64, 'crop': 128, 'format': 1})
    assert manifest_sha256(folder) == first
    write_manifest(folder, {'step': 32, 'crop': 128, 'format': 1})
    assert manifest_sha256(folder) != first


def test_keys_end_at_the_first_dot(folder):
    (folder / 'meta_info.txt').write_text('a_s001.png (128,128,3) 1\nb c_s002.png (128,128,3) 1\n\n')
    assert read_keys(folder) == ['a_s001', 'b c_s002']


@pytest.mark.parametrize('read', [read_manifest, manifest_sha256, read_keys])
def test_missing_folder_and_missing_file_are_named(read, folder):
    with pytest.raises(DataError, match=r'no LMDB folder .*none\.lmdb'):
        read(folder.with_name('none.lmdb'))
    with pytest.raises(DataError, match=r'HR_sub\.lmdb has no (manifest\.json|meta_info\.txt)'):
        read(folder)


@pytest.mark.parametrize(
    ('text', 'words'),
    [('{', 'cannot be read as JSON'), ('[]', 'not the manifest'), ('{"format": 99}', 'not the manifest')],
)
def test_foreign_manifests_are_refused(folder, text, words):
    (folder / 'manifest.json').write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        read_manifest(folder)
    assert 'make it with ' + command('subimages') in str(caught.value)


def test_an_empty_list_of_keys_is_refused(folder):
    (folder / 'meta_info.txt').write_text('\n')
    with pytest.raises(DataError, match='lists no key'):
        read_keys(folder)


@pytest.mark.parametrize('name', ['../a_s001', '/etc/a', 'b/../../c', '..\\a', 'C:/a', '\\\\host\\a'])
def test_names_that_lead_out_of_the_folder_are_refused(folder, name):
    (folder / 'meta_info.txt').write_text(f'a_s001.png (128,128,3) 1\n{name}.png (128,128,3) 1\n')
    with pytest.raises(DataError, match='A name leads out of its folder') as caught:
        read_keys(folder)
    assert str(caught.value.where).endswith('meta_info.txt:2')
    write_manifest(folder, {'format': 1, 'source': {'images': {'a': f'{name}.png'}}})
    with pytest.raises(DataError, match='A name leads out of its folder'):
        read_manifest(folder)


def test_keys_of_sub_folders_are_keys(folder):
    (folder / 'meta_info.txt').write_text('000/00000001.png (720,1280,3) 1\na..b (1,1,3) 1\n')
    assert read_keys(folder) == ['000/00000001', 'a']


def test_keys_that_are_not_text_are_refused(folder):
    (folder / 'meta_info.txt').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(DataError, match='is not UTF-8 text'):
        read_keys(folder)
